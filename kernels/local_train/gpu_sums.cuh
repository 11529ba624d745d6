#pragma once
// Sums over rows, over the batch and over columns by a block, 16 bytes a lane. Every sum has one
// fixed order.
#include "kernels/local_train/gpu_rows.cuh"

namespace fedfuse::local_train {
namespace {

using gpu::all_lanes;

// x[0, Rows) of every lane, added over the lanes of a group: lane r gets the sum of x[r]. Halves of
// the rows change sides: 15 exchanges for 16 rows, where a sum for each row takes 64. Changes x.
template <int Rows>
__device__ inline float sum_by_owner(float* x) {
  if constexpr (Rows > 1) {
    gpu::share_sums<Rows / 2>(x, Rows / 2);
    return sum_by_owner<Rows / 2>(x);
  }
  return x[0];
}
// As many lanes as Rows have the sums; further lanes of the group have parts of them.
template <int Lanes, int Rows>
__device__ inline float over_lanes(float sum) {
  if constexpr (Rows < Lanes) {
#pragma unroll
    for (int by = Rows; by < Lanes; by *= 2) sum += __shfl_xor_sync(all_lanes, sum, by);
  }
  return sum;
}

// The sum over the groups of Lanes of a warp, to all of them.
template <int Lanes>
__device__ inline float4 over_groups(float4 x) {
#pragma unroll
  for (int by = 16; by >= Lanes; by /= 2) {
    x.x += __shfl_xor_sync(all_lanes, x.x, by);
    x.y += __shfl_xor_sync(all_lanes, x.y, by);
    x.z += __shfl_xor_sync(all_lanes, x.z, by);
    x.w += __shfl_xor_sync(all_lanes, x.w, by);
  }
  return x;
}

__device__ inline float dot4(const float4& x, const float4& y, float sum) {
  return fmaf(x.x, y.x, fmaf(x.y, y.y, fmaf(x.z, y.z, fmaf(x.w, y.w, sum))));
}
// p[k] .. p[k + 3], zeros from `cols` on. Known > 0: cols, a multiple of 4 that the compiler knows.
template <int Known>
__device__ inline float4 load_within(const float* p, int k, int cols) {
  float4 x = load4(p + k);
  if (Known > 0 || k + 4 <= cols) return x;
  if (k + 1 >= cols) x.y = 0.0f;
  if (k + 2 >= cols) x.z = 0.0f;
  x.w = 0.0f;
  return x;
}

// put(i, sum over k < cols of term(i, k, sum so far), four of k at a time) for i < n: 8 lanes take
// a row, four rows each; a lane of them gets the sum.
template <class Term, class Put>
__device__ inline void dot_rows(int n, int cols, Term term, Put put) {
  constexpr int lanes = 8, rows = 4, of_warp = 32 / lanes * rows;
  const int sub = lane() % lanes, first = lane() / lanes * rows;
#pragma unroll 1
  for (int i = warp() * of_warp + first; i - first < n; i += warps() * of_warp) {
    float sums[rows] = {};
#pragma unroll 1
    for (int k = 4 * sub; k < cols; k += 4 * lanes)
#pragma unroll
      for (int r = 0; r < rows; ++r) sums[r] = term(i + r < n ? i + r : n - 1, k, sums[r]);
    const float sum = over_lanes<lanes, rows>(sum_by_owner<rows>(sums));
    if (sub < rows && i + sub < n) put(i + sub, sum);
  }
}

// out[s][k] = sum over i < n of what term(i, k, sums of four columns from k on) adds, for s < Sums
// and k < cols: threads take (group of rows, four columns), then the groups are added in order.
// sums: 4 * blockDim floats. Known > 0: cols, a power of two; the groups of a warp are added by
// exchanges. Ends with a barrier.
template <int Known, int Sums, class Term>
__device__ inline void column_sums(int n, int cols, float* sums, float* const (&out)[Sums],
                                   Term term) {
  const int across = Known > 0 ? Known / 4 : (cols + 3) / 4, threads = int(blockDim.x),
            most = threads / across / (Known > 0 ? 1 : Sums), groups = most > 0 ? most : 1,
            group = int(threadIdx.x) / across, k = 4 * (int(threadIdx.x) % across);
  float4 sum[Sums];
#pragma unroll
  for (int s = 0; s < Sums; ++s) sum[s] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  if (group < groups)
#pragma unroll 1
    for (int i = group; i < n; i += groups) term(i, k, sum);
  int parts = groups, part = group;
  if constexpr (Known > 0) {
#pragma unroll
    for (int s = 0; s < Sums; ++s) sum[s] = over_groups<Known / 4>(sum[s]);
    parts = warps();
    part = lane() < across ? warp() : parts;
  }
  __syncthreads();
  if (part < parts)
#pragma unroll
    for (int s = 0; s < Sums; ++s) store4(sums + (s * parts + part) * 4 * across + k, sum[s]);
  __syncthreads();
#pragma unroll
  for (int s = 0; s < Sums; ++s)
    for (int c = int(threadIdx.x); c < cols; c += threads) {
      float total = 0;
#pragma unroll 1
      for (int v = 0; v < parts; ++v) total += sums[(s * parts + v) * 4 * across + c];
      out[s][c] = total;
    }
  __syncthreads();
}

}  // namespace
}  // namespace fedfuse::local_train
