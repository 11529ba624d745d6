#pragma once
// C = A B^T where B [N x K] is packed first: its rows, 16 at a time, stand as columns of a panel [K
// x 16], which the product reads from front to back. Pack weights once, use them for many rows.
// Sums run over k in order: an element's bits depend on nothing but its row of A and of B, and on
// whether it stands in a full panel.
#include <algorithm>
#include <cstdint>

#include "core/matrix.hpp"
#include "core/simd.hpp"
#include "core/small_gemm.hpp"

namespace fedfuse {

class Packed {
 public:
  // B: N x K, rows `stride` floats apart.
  void pack(const float* B, std::int64_t N, std::int64_t K, std::int64_t stride) {
    rows_ = N;
    depth_ = K;
    if (std::int64_t(panels_.size()) < N * K) panels_.resize(std::size_t(N * K));
    for (std::int64_t n = 0; n < N; n += width)
      pack_panel(B + n * stride, n + width <= N ? width : N - n, stride, panels_.data() + n * K);
  }
  // C [M x N] = A [M x K] B^T; zeros when K is 0.
  void product(const float* A, std::int64_t M, std::int64_t stride_A, float* C,
               std::int64_t stride_C) const {
    if (depth_ == 0) {
      for (std::int64_t m = 0; m < M; ++m) std::fill_n(C + m * stride_C, rows_, 0.0f);
      return;
    }
    const auto a = small::rows_of(A, stride_A);
    std::int64_t n = 0;
    for (; n + width <= rows_; n += width)
      small::gemm_columns<simd::Widest, width / simd::widest_lanes>(
          int(M), int(depth_), a, panels_.data() + n * depth_, width, C + n, stride_C, 0.0f, 1.0f);
    if (n < rows_)
      small::gemm(int(M), int(rows_ - n), int(depth_), a, panels_.data() + n * depth_, rows_ - n,
                  C + n, stride_C);
  }

 private:
  static constexpr std::int64_t width = 16;

  void pack_panel(const float* B, std::int64_t n, std::int64_t stride, float* to) const {
    std::int64_t k = 0;
    if (n == width)
      for (; k + 8 <= depth_; k += 8) {
        transpose_8x8(B + k, stride, to + k * width);
        transpose_8x8(B + 8 * stride + k, stride, to + k * width + 8);
      }
    for (; k < depth_; ++k)
      for (std::int64_t j = 0; j < n; ++j) to[k * n + j] = B[j * stride + k];
  }

  static void transpose_8x8(const float* in, std::int64_t stride, float* out) {
    using simd::Float8;
    Float8 r[8], pairs[8], fours[8];
    for (int i = 0; i < 8; ++i) r[i] = simd::load(in + i * stride);
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
      pairs[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
      for (int h = 0; h < 2; ++h) {
        fours[i + 2 * h] =
            __builtin_shufflevector(pairs[i + h], pairs[i + h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        fours[i + 2 * h + 1] =
            __builtin_shufflevector(pairs[i + h], pairs[i + h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
      }
    for (int i = 0; i < 4; ++i) {
      simd::store(out + i * width,
                  __builtin_shufflevector(fours[i], fours[4 + i], 0, 1, 2, 3, 8, 9, 10, 11));
      simd::store(out + (i + 4) * width,
                  __builtin_shufflevector(fours[i], fours[4 + i], 4, 5, 6, 7, 12, 13, 14, 15));
    }
  }

  std::int64_t rows_ = 0, depth_ = 0;
  Array<float> panels_;
};

// x <- 1 / (1 + exp(-x)), the same bits wherever x stands.
inline void sigmoid(float* x, std::int64_t n) {
  const auto eight = [](simd::Float8 v) { return 1.0f / (1.0f + simd::exp(-v)); };
  std::int64_t i = 0;
  for (; i + simd::lanes <= n; i += simd::lanes) simd::store(x + i, eight(simd::load(x + i)));
  const auto left = int(n - i) & (simd::lanes - 1);
  if (left == 0) return;
  float rest[simd::lanes] = {};
  for (int k = 0; k < left; ++k) rest[k] = x[i + k];
  simd::store(rest, eight(simd::load(rest)));
  for (int k = 0; k < left; ++k) x[i + k] = rest[k];
}

}  // namespace fedfuse
