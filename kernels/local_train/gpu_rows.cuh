#pragma once
// What a block of threads does with rows and vectors: walks over them, column sums, steps. Every
// sum has one fixed order.
#include "core/gpu/block.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

using gpu::block_sum, gpu::component, gpu::load4, gpu::store4, gpu::lane, gpu::warp, gpu::warp_sum,
    gpu::warps;

__device__ inline float4 scaled(float a, const float4& x) {
  return make_float4(a * x.x, a * x.y, a * x.z, a * x.w);
}
__device__ inline float4 fma4(float a, const float4& x, const float4& y) {
  return make_float4(fmaf(a, x.x, y.x), fmaf(a, x.y, y.y), fmaf(a, x.z, y.z), fmaf(a, x.w, y.w));
}

// put(i, k, load(i, k)) for each row i < n and each multiple k < cols of Wide. Lanes side by side
// take k side by side, as many rows at a time as fit a warp: nothing is divided for an element. A
// lane loads Ahead rows before it puts the first: their latencies are one.
template <int Wide, int Ahead, class Load, class Put>
__device__ inline void each_of_rows(int n, int cols, Load load, Put put) {
  const int across = (cols + Wide - 1) / Wide, at_once = across < 32 ? 32 / across : 1,
            mine = across < 32 ? lane() / across : 0;
  const int step = warps() * at_once, begin = mine < at_once ? warp() * at_once + mine : n;
#pragma unroll 1
  for (int k = Wide * (lane() - mine * across); k < cols; k += Wide * 32)
#pragma unroll 1
    for (int i = begin; i < n; i += Ahead * step) {
      decltype(load(i, k)) x[Ahead];
#pragma unroll
      for (int a = 0; a < Ahead; ++a)
        x[a] = load(Ahead == 1 || i + a * step < n ? i + a * step : i, k);
#pragma unroll
      for (int a = 0; a < Ahead; ++a)
        if (i + a * step < n) put(i + a * step, k, x[a]);
    }
}

// Sum over k < n of a[k] b[k] by one warp, to all its lanes.
__device__ inline float warp_dot(const float* a, const float* b, int n) {
  float sum = 0;
  for (int k = lane(); k < n; k += 32) sum = fmaf(a[k], b[k], sum);
  return warp_sum(sum);
}

// out[s][k] = sum over i < n of term(i, k)[s], for s < Sums and k < cols: threads take (group of
// rows, column), then the groups are added in order. sums: Sums * blockDim floats. Ends with a
// barrier.
template <int Sums, class Term>
__device__ inline void column_sums(int n, int cols, float* sums, float* const (&out)[Sums],
                                   Term term) {
  const int threads = int(blockDim.x), tid = int(threadIdx.x);
  const int groups = threads / cols > 0 ? threads / cols : 1;
  for (int first = 0; first < cols; first += threads) {
    const int k = first + tid % (cols < threads ? cols : threads),
              g = cols < threads ? tid / cols : 0;
    const bool mine = k < cols && g < groups;
    float sum[Sums];
#pragma unroll
    for (int s = 0; s < Sums; ++s) sum[s] = 0.0f;
    if (mine)
      for (int i = g; i < n; i += groups) term(i, k, sum);
    __syncthreads();
    if (mine)
#pragma unroll
      for (int s = 0; s < Sums; ++s) sums[s * threads + tid] = sum[s];
    __syncthreads();
    if (mine && g == 0)
#pragma unroll
      for (int s = 0; s < Sums; ++s) {
        float total = 0;
        for (int h = 0; h < groups; ++h) total += sums[s * threads + h * cols + tid];
        out[s][k] = total;
      }
  }
  __syncthreads();
}

// x <- keep x - lr g, n floats
__device__ inline void sgd(float* x, const float* g, int n, float keep, float lr) {
  for (int k = int(threadIdx.x); k < n; k += int(blockDim.x)) x[k] = fmaf(-lr, g[k], keep * x[k]);
}
__device__ inline void copy(float* to, const float* from, int n) {
  for (int k = int(threadIdx.x); k < n; k += int(blockDim.x)) to[k] = from[k];
}
__device__ inline void copy_matrix(float* to, int to_stride, const float* from, int from_stride,
                                   int rows, int cols) {
  each_of_rows<1, 2>(
      rows, cols, [=](int i, int k) { return from[i * from_stride + k]; },
      [=](int i, int k, float x) { to[i * to_stride + k] = x; });
}

}  // namespace
}  // namespace fedfuse::local_train
