#pragma once
// C = A B^T where B [N x K] is packed first: its rows, `widest` at a time, stand as columns of a
// panel [K x widest], which the product reads from front to back. Pack weights once, use them for
// many rows. Sums run over k in order: an element's bits depend on nothing but its row of A and of
// B, and on whether it stands in a full panel.
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
    for (std::int64_t n = 0; n < N;) {
      const auto columns = panel_at(n);
      pack_panel(B + n * stride, columns, stride, panels_.data() + n * K);
      n += columns;
    }
  }
  // C [M x N] = A [M x K] B^T; zeros when K is 0.
  void product(const float* A, std::int64_t M, std::int64_t stride_A, float* C,
               std::int64_t stride_C) const {
    if (depth_ == 0) {
      for (std::int64_t m = 0; m < M; ++m) std::fill_n(C + m * stride_C, rows_, 0.0f);
      return;
    }
    const auto a = small::rows_of(A, stride_A);
    for (std::int64_t n = 0; n < rows_;) {
      const auto columns = panel_at(n);
      const float* panel = panels_.data() + n * depth_;
      if (columns == widest)
        whole<widest>(M, a, panel, C + n, stride_C);  // NOLINT(bugprone-branch-clone): AVX-512 only
      else if (columns == narrow)
        whole<narrow>(M, a, panel, C + n, stride_C);
      else
        small::gemm(int(M), int(columns), int(depth_), a, panel, columns, C + n, stride_C);
      n += columns;
    }
  }

 private:
  // Two vectors are as wide as the tiles are; the tiles of what is left are narrower.
  static constexpr std::int64_t widest = small::panel_width, narrow = 16;

  // Columns of the panel that begins with row n of B.
  [[nodiscard]] std::int64_t panel_at(std::int64_t n) const {
    if (n + widest <= rows_) return widest;
    return std::min(rows_ - n, narrow);
  }

  template <std::int64_t Columns>
  void whole(std::int64_t M, const small::Strided& a, const float* panel, float* C,
             std::int64_t stride_C) const {
    small::gemm_columns<simd::Widest, int(Columns) / simd::widest_lanes>(
        int(M), int(depth_), a, panel, Columns, C, stride_C, 0.0f, 1.0f);
  }

  void pack_panel(const float* B, std::int64_t n, std::int64_t stride, float* to) const {
    std::int64_t k = 0;
    if (n % simd::lanes == 0)
      for (; k + simd::lanes <= depth_; k += simd::lanes)
        for (std::int64_t j = 0; j < n; j += simd::lanes)
          simd::transpose_block(B + j * stride + k, stride, to + k * n + j, n);
    for (; k < depth_; ++k)
      for (std::int64_t j = 0; j < n; ++j) to[k * n + j] = B[j * stride + k];
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
