#include "kernels/dense/dense.hpp"

#include <algorithm>

#include "core/small_gemm.hpp"

namespace fedfuse::dense {
namespace {
using small::gemm;
using small::rows_of;
using small::transpose_of;
}  // namespace

void multiply(ConstView A, ConstView B, View C) {
  gemm(int(C.rows), int(C.cols), int(A.cols), rows_of(A.data, A.stride), B.data, B.stride, C.data,
       C.stride);
}
void multiply_add(ConstView A, ConstView B, View C) {
  gemm(int(C.rows), int(C.cols), int(A.cols), rows_of(A.data, A.stride), B.data, B.stride, C.data,
       C.stride, 1.0f);
}
void multiply_transposed(ConstView A, ConstView B, View C) {
  gemm(int(C.rows), int(C.cols), int(A.rows), transpose_of(A.data, A.stride), B.data, B.stride,
       C.data, C.stride);
}
void multiply_by_transposed(ConstView A, const Packed& B, View C) {
  B.product(A.data, A.rows, A.stride, C.data, C.stride);
}
void pack(ConstView B, Packed& packed) { packed.pack(B.data, B.rows, B.cols, B.stride); }

void set_zero(View x) {
  for (std::int64_t r = 0; r < x.rows; ++r) std::fill_n(x.data + r * x.stride, x.cols, 0.0f);
}

void add_row(View x, const float* bias) {
  for (std::int64_t r = 0; r < x.rows; ++r) {
    float* __restrict to = x.data + r * x.stride;
    for (std::int64_t c = 0; c < x.cols; ++c) to[c] += bias[c];
  }
}

void column_sums(ConstView x, float* __restrict out) {
  std::fill_n(out, x.cols, 0.0f);
  for (std::int64_t r = 0; r < x.rows; ++r) {
    const float* __restrict from = x.data + r * x.stride;
    for (std::int64_t c = 0; c < x.cols; ++c) out[c] += from[c];
  }
}

void relu(float* x, std::int64_t n) {
  // NaN stays NaN, and is seen in the loss
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void relu_backward(float* __restrict x, const float* __restrict h, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = h[i] > 0.0f ? x[i] : 0.0f;
}

void gather_present(const float* features, const std::uint8_t* has, const std::int32_t* items,
                    View out) {
  for (std::int64_t r = 0; r < out.rows; ++r) {
    const std::int64_t i = items[r];
    if (has == nullptr || has[i] != 0)
      std::copy_n(features + i * out.cols, out.cols, out.data + r * out.stride);
    else
      std::fill_n(out.data + r * out.stride, out.cols, 0.0f);
  }
}

}  // namespace fedfuse::dense
