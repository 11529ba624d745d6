#pragma once
// C = A B in single precision, the one routine of all products here. A block owns 128 x 64 of C, a
// thread 8 x 8 of them. Operands come in steps of 16 of the inner sum, three of which stand in
// shared memory, copied behind the back of the registers.
//
//   by rows   A[m][k] = a[m pitch + k]: items through weights. Rows stand 20 floats apart, so that
//             the 8 rows that half a warp meets lie
//               in 8 different groups of banks; four steps of the inner sum are 16 loads of 16
//                 bytes and 256 multiply-adds.
//   by columns  A[m][k] = a[k pitch + m]: gradients of weights, sums over blocks of items; C is
//               stored transposed. 4 loads, 64 multiply-adds.
//
// An element of C is one chain of fused multiply-adds over k: its bits do not depend on where in
// which launch it stands.
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/views/product_shape.cuh"

namespace fedfuse::views {
namespace {

// What a thread copies of every step: 4 vectors of A and 2 of B. What lies outside, or is absent,
// becomes zeros.
template <bool by_rows>
struct Copier {
  static constexpr int vectors_a = 4, vectors_b = 2, rows_a = by_rows ? 32 : 4, rows_b = 8;
  const float *a, *b;
  const std::uint8_t* has;
  std::int64_t pitch_a, pitch_b;
  int k_a, k_b, k_end;   // of its first vectors in the next step
  unsigned present = 0;  // by rows: which of its 4 rows are there
  bool column_a = true, column_b;
  __device__ Copier(const Product& p, int first_m, int first_n, std::int64_t first_k, int depth)
      : has(p.has == nullptr ? nullptr : p.has + first_k),
        pitch_a(p.a_pitch),
        pitch_b(p.b_pitch),
        k_end(depth) {
    const int t = int(threadIdx.x);
    if constexpr (by_rows) {
      const int row = first_m + t / 4;
      k_a = 4 * (t % 4);
      a = p.a + row * pitch_a + k_a;
#pragma unroll
      for (int c = 0; c < vectors_a; ++c)
        if (row + c * rows_a < p.m && (p.has == nullptr || p.has[row + c * rows_a] != 0))
          present |= 1u << c;
    } else {
      const int column = first_m + 4 * (t % 32);
      k_a = t / 32;
      column_a = column < p.m;
      a = p.a + (first_k + k_a) * pitch_a + column;
    }
    const int column = first_n + 4 * (t % 16);
    k_b = t / 16, column_b = column < p.n;
    b = p.b + (first_k + k_b) * pitch_b + column;
  }
  __device__ void copy_next(float* stage) {
    const int t = int(threadIdx.x);
#pragma unroll
    for (int c = 0; c < vectors_a; ++c) {
      if constexpr (by_rows) {
        gpu::async_copy16_or_zeros(stage + (t / 4 + c * rows_a) * row_pitch + 4 * (t % 4),
                                   a + c * rows_a * pitch_a,
                                   k_a < k_end && (present >> c & 1u) != 0);
      } else {
        const int k = k_a + c * rows_a;
        const bool there = column_a && k < k_end && (has == nullptr || has[k] != 0);
        gpu::async_copy16_or_zeros(stage + 4 * (t + c * product_threads), a + c * rows_a * pitch_a,
                                   there);
      }
    }
#pragma unroll
    for (int c = 0; c < vectors_b; ++c)
      gpu::async_copy16_or_zeros(stage + a_floats<by_rows> + 4 * (t + c * product_threads),
                                 b + c * rows_b * pitch_b, column_b && k_b + c * rows_b < k_end);
    a += by_rows ? tile_k : tile_k * pitch_a;
    b += tile_k * pitch_b;
    k_a += tile_k;
    k_b += tile_k;
  }
};

__device__ inline void load8(const float* low, const float* high, float (&to)[side]) {
  const float4 x = gpu::load4(low), y = gpu::load4(high);
  to[0] = x.x;
  to[1] = x.y;
  to[2] = x.z;
  to[3] = x.w;
  to[4] = y.x;
  to[5] = y.y;
  to[6] = y.z;
  to[7] = y.w;
}

// Columns 4 n .. and 32 + 4 n .. of B's tile. Rows: m, m + 16, ... by rows; 4 m .. and 64 + 4 m ..
// by columns.
template <bool by_rows>
__device__ inline void multiply(const float* stage, const Place& at, float (&sum)[side][side]) {
  const float* b_tile = stage + a_floats<by_rows> + 4 * at.n;
  if constexpr (by_rows) {
#pragma unroll 1
    for (int k = 0; k < tile_k; k += 4) {
      float4 a[side];
#pragma unroll
      for (int i = 0; i < side; ++i) a[i] = gpu::load4(stage + (at.m + 16 * i) * row_pitch + k);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float b[side];
        load8(b_tile + (k + j) * tile_n, b_tile + (k + j) * tile_n + 32, b);
#pragma unroll
        for (int i = 0; i < side; ++i)
#pragma unroll
          for (int c = 0; c < side; ++c) sum[i][c] = fmaf(gpu::component(a[i], j), b[c], sum[i][c]);
      }
    }
  } else {
#pragma unroll 4
    for (int k = 0; k < tile_k; ++k) {
      float a[side], b[side];
      load8(stage + k * tile_m + 4 * at.m, stage + k * tile_m + 64 + 4 * at.m, a);
      load8(b_tile + k * tile_n, b_tile + k * tile_n + 32, b);
#pragma unroll
      for (int i = 0; i < side; ++i)
#pragma unroll
        for (int c = 0; c < side; ++c) sum[i][c] = fmaf(a[i], b[c], sum[i][c]);
    }
  }
}

__device__ inline float finished(Then then, float c, float o) {
  switch (then) {
    case Then::relu:
      return c < 0.0f ? 0.0f : c;  // NaN stays NaN
    case Then::sigmoid:
      return 1.0f / (1.0f + expf(-c));
    case Then::where_positive:
      return o > 0.0f ? c : 0.0f;
    case Then::times_slope:
      return c * (o * (1.0f - o));
    case Then::keep:
      break;
  }
  return c;
}

__device__ inline void store_rows(const Product& p, int first_m, int first_n, const Place& at,
                                  const float (&sum)[side][side]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int column = first_n + 32 * half + 4 * at.n;
    if (column >= p.n) continue;
    float4 bias = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (p.bias != nullptr) bias = gpu::load4(p.bias + column);
#pragma unroll
    for (int i = 0; i < side; ++i) {
      const int row = first_m + at.m + 16 * i;
      if (row >= p.m) continue;
      float4* to = reinterpret_cast<float4*>(p.c + row * p.c_pitch + column);
      float4 before = make_float4(0.0f, 0.0f, 0.0f, 0.0f), other = before;
      if (p.add) before = *to;
      if (p.other != nullptr) other = gpu::load4(p.other + row * p.c_pitch + column);
      const float* x = sum[i] + 4 * half;
      *to = make_float4(finished(p.then, fmaf(p.factor, x[0], bias.x) + before.x, other.x),
                        finished(p.then, fmaf(p.factor, x[1], bias.y) + before.y, other.y),
                        finished(p.then, fmaf(p.factor, x[2], bias.z) + before.z, other.z),
                        finished(p.then, fmaf(p.factor, x[3], bias.w) + before.w, other.w));
    }
  }
}

__device__ inline void store_transposed(const Product& p, int first_m, int first_n, const Place& at,
                                        const float (&sum)[side][side]) {
  const bool whole = p.c_pitch % 4 == 0;  // then m is a multiple of 4 too
#pragma unroll
  for (int j = 0; j < side; ++j) {
    const int row = first_n + (j < 4 ? 0 : 32) + 4 * at.n + j % 4;
    if (row >= p.n) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int column = first_m + 64 * half + 4 * at.m;
      float* to = p.c + blockIdx.y * p.c_block + row * p.c_pitch + column;
      if (whole && column < p.m)
        *reinterpret_cast<float4*>(to) =
            make_float4(p.factor * sum[4 * half][j], p.factor * sum[4 * half + 1][j],
                        p.factor * sum[4 * half + 2][j], p.factor * sum[4 * half + 3][j]);
      else
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (column + i < p.m) to[i] = p.factor * sum[4 * half + i][j];
    }
  }
}

// grid: tiles of the largest product, blocks of items (by columns), products.
template <bool by_rows>
__global__ void __launch_bounds__(product_threads, 3)
    product_kernel(const __grid_constant__ Products all) {
  const Product& p = all.product[blockIdx.z];
  const int tile = int(blockIdx.x);
  if (tile >= p.tiles()) return;
  float* shared = gpu::shared<float>();
  const int first_m = tile / p.tiles_n() * tile_m, first_n = tile % p.tiles_n() * tile_n;
  const std::int64_t first_k = by_rows ? 0 : std::int64_t(blockIdx.y) * block_items;
  const int depth = by_rows || p.k - first_k < block_items ? int(p.k - first_k) : int(block_items),
            steps = (depth + tile_k - 1) / tile_k;
  constexpr int stage_floats = a_floats<by_rows> + b_floats;
  Copier<by_rows> copier(p, first_m, first_n, first_k, depth);
  copier.copy_next(shared);
  gpu::async_commit();
  copier.copy_next(shared + stage_floats);
  gpu::async_commit();
  const Place at;
  float sum[side][side] = {};
  int slot = 0, free_slot = stages - 1;
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    gpu::async_wait<stages - 2>();
    // the step is there for all, and all are done with the slot that is overwritten now
    __syncthreads();
    copier.copy_next(shared + free_slot * stage_floats);
    gpu::async_commit();
    multiply<by_rows>(shared + slot * stage_floats, at, sum);
    free_slot = slot;
    slot = slot + 1 == stages ? 0 : slot + 1;
  }
  gpu::async_wait<0>();
  if constexpr (by_rows)
    store_rows(p, first_m, first_n, at, sum);
  else
    store_transposed(p, first_m, first_n, at, sum);
}

template <bool by_rows>
void launch_products(const Products& all, std::int64_t item_blocks, const gpu::Stream& stream) {
  int tiles = 0;
  for (int j = 0; j < all.count; ++j)
    tiles = all.product[j].tiles() > tiles ? all.product[j].tiles() : tiles;
  if (all.count == 0) return;
  gpu::launch(product_kernel<by_rows>,
              {unsigned(tiles), unsigned(by_rows ? 1 : item_blocks), unsigned(all.count)},
              product_threads, product_shared<by_rows>, stream, all);
}

}  // namespace
}  // namespace fedfuse::views
