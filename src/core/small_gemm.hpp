#pragma once
// C = keep C + alpha A B for small matrices, all in L1/L2. A is read through two strides, so that
// the same tile serves A (row-major) and A^T (gradients of weights). A tile of C stays in
// registers: with AVX2 6 x 16 floats (12 accumulators, 2 vectors of B, 1 broadcast of A fill the 16
// registers), with AVX-512 12 x 32 (24, 2 and 1 of 32).
#include <algorithm>

#include "core/simd.hpp"

namespace fedfuse::small {

struct Strided {
  const float* data;
  long row, col;  // element (i, k) is data[i * row + k * col]
  [[nodiscard]] const float* at(long i) const { return data + i * row; }
};
inline Strided rows_of(const float* data, long width) { return {data, width, 1}; }
inline Strided transpose_of(const float* data, long width) { return {data, 1, width}; }

// MR rows of C times NV vectors of columns.
template <class Vector, int MR, int NV>
inline void gemm_tile(int K, const float* a, long a_row, long a_col, const float* B, long ldb,
                      float* C, long ldc, float keep, float alpha) {
  constexpr int lanes = int(sizeof(Vector) / sizeof(float));
  Vector acc[MR][NV] = {};
  for (int k = 0; k < K; ++k) {
    Vector b[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) b[v] = simd::load_as<Vector>(B + k * ldb + v * lanes);
#pragma GCC unroll 12
    for (int m = 0; m < MR; ++m) {
      const float x = a[m * a_row + k * a_col];
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) acc[m][v] += x * b[v];
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < MR; ++m)
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      float* c = C + m * ldc + v * lanes;
      Vector result = simd::rounded(alpha * acc[m][v]);
      if (keep != 0.0f) result += keep * simd::load_as<Vector>(c);
      simd::store_as(c, result);
    }
}

// The last columns, fewer than a vector.
inline void gemm_scalar(int M, int N, int K, Strided A, const float* B, long ldb, float* C,
                        long ldc, float keep, float alpha) {
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) {
      float sum = 0;
      for (int k = 0; k < K; ++k) sum += A.data[m * A.row + k * A.col] * B[k * ldb + n];
      float& c = C[m * ldc + n];
      float result = simd::rounded(alpha * sum);
      if (keep != 0.0f) result += keep * c;
      c = result;
    }
}

inline constexpr int tile_rows = simd::widest_lanes == 16 ? 12 : 6;

// NV vectors of columns, all rows. What is left below the highest tile goes to tiles that still
// have enough chains of additions: a tile of 2 rows waits for each of its own.
template <class Vector, int NV>
inline void gemm_columns(int M, int K, Strided A, const float* B, long ldb, float* C, long ldc,
                         float keep, float alpha) {
  int m = 0;
  const auto rows = [&]<int MR> {
    for (; m + MR <= M; m += MR)
      gemm_tile<Vector, MR, NV>(K, A.at(m), A.row, A.col, B, ldb, C + m * ldc, ldc, keep, alpha);
  };
  rows.template operator()<tile_rows>();
  if constexpr (tile_rows > 8) rows.template operator()<8>();
  if constexpr (tile_rows > 6) rows.template operator()<6>();
  rows.template operator()<4>();
  rows.template operator()<2>();
  rows.template operator()<1>();
}

inline constexpr int panel_depth = 256, panel_vectors = 2;
inline constexpr int panel_width = panel_vectors * simd::widest_lanes;

// Two vectors of columns of B, one row behind the other. Rows of a power of two apart would share a
// few sets of the L1 cache and evict each other: packed, a panel is read at full speed by every
// strip of A.
inline void pack_panel(int K, const float* B, long ldb, float* panel) {
  using simd::Widest;
  for (int k = 0; k < K; ++k)
    for (int v = 0; v < panel_width; v += simd::widest_lanes)
      simd::store_as(panel + k * panel_width + v, simd::load_as<Widest>(B + k * ldb + v));
}

// C[M x N] = keep C + alpha A[M x K] B[K x N]; C is not read when keep is 0.
inline void gemm(int M, int N, int K, Strided A, const float* B, long ldb, float* C, long ldc,
                 float keep = 0.0f, float alpha = 1.0f) {
  using simd::Float8, simd::Widest;
  alignas(64) float panel[panel_depth * panel_width];
  for (int k = 0; k < K; k += panel_depth) {
    const int depth = std::min(panel_depth, K - k);
    const Strided a{A.data + k * A.col, A.row, A.col};
    const float* b = B + k * ldb;
    const float kept = k == 0 ? keep : 1.0f;
    int n = 0;
    for (; n + panel_width <= N; n += panel_width) {
      pack_panel(depth, b + n, ldb, panel);
      gemm_columns<Widest, panel_vectors>(M, depth, a, panel, panel_width, C + n, ldc, kept, alpha);
    }
    for (; n + simd::widest_lanes <= N; n += simd::widest_lanes)
      gemm_columns<Widest, 1>(M, depth, a, b + n, ldb, C + n, ldc, kept, alpha);
    for (; n + simd::lanes <= N; n += simd::lanes)
      gemm_columns<Float8, 1>(M, depth, a, b + n, ldb, C + n, ldc, kept, alpha);
    if (n < N) gemm_scalar(M, N - n, depth, a, b + n, ldb, C + n, ldc, kept, alpha);
  }
}

// out[cols x rows] = in[rows x cols]^T
inline void transpose(int rows, int cols, const float* in, float* out) {
  const int whole_rows = rows / 8 * 8, whole_cols = cols / 8 * 8;
  for (int i = 0; i < whole_rows; i += 8)
    for (int j = 0; j < whole_cols; j += 8)
      simd::transpose_block(in + i * cols + j, cols, out + j * rows + i, rows);
  for (int i = 0; i < rows; ++i)
    for (int j = i < whole_rows ? whole_cols : 0; j < cols; ++j)
      out[j * rows + i] = in[i * cols + j];
}

inline float dot(const float* a, const float* b, int n) {
  using namespace simd;
  Float8 s0{}, s1{};
  int k = 0;
  for (; k + 16 <= n; k += 16) {
    s0 += load(a + k) * load(b + k);
    s1 += load(a + k + 8) * load(b + k + 8);
  }
  for (; k + 8 <= n; k += 8) s0 += load(a + k) * load(b + k);
  float total = sum(s0 + s1);
  for (; k < n; ++k) total += a[k] * b[k];
  return total;
}

// y = keep y
inline void scale(float keep, float* __restrict y, long n) {
  for (long k = 0; k < n; ++k) y[k] *= keep;
}

}  // namespace fedfuse::small
