#include "server/dense.hpp"

#include <algorithm>
#include <mutex>

namespace fedfuse::dense {

void fix_blocking() {
  static std::once_flag once;
  std::call_once(once, [] { Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 4 << 20); });
}

void add_row(float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride, const float* bias) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float* __restrict to = x + r * stride;
    for (std::int64_t c = 0; c < cols; ++c) to[c] += bias[c];
  }
}

void column_sums(const float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride, float* out) {
  std::fill_n(out, cols, 0.0f);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* __restrict from = x + r * stride;
    for (std::int64_t c = 0; c < cols; ++c) out[c] += from[c];
  }
}

void relu(float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] < 0.0f ? 0.0f : x[i];  // NaN stays NaN, and is seen in the loss
}

void relu_backward(float* __restrict x, const float* __restrict h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = h[i] > 0.0f ? x[i] : 0.0f;
}

void sigmoid(float* x, std::int64_t n) {
  Eigen::Map<Eigen::ArrayXf> v(x, n);
  v = v.logistic();
}

void gather_present(const float* features, const std::uint8_t* has, const std::int32_t* items, std::int64_t rows, std::int64_t cols, float* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t i = items[r];
    if (has == nullptr || has[i] != 0)
      std::copy_n(features + i * cols, cols, out + r * cols);
    else
      std::fill_n(out + r * cols, cols, 0.0f);
  }
}

}  // namespace fedfuse::dense
