#pragma once
// What a block of threads does with rows and vectors: walks over them, steps.
#include "core/gpu/block.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

constexpr std::int32_t slot_mask = 0x7fffffff;

using gpu::block_sum, gpu::component, gpu::load4, gpu::store4, gpu::lane, gpu::warp, gpu::warps;

__device__ inline float4 scaled(float a, const float4& x) {
  return make_float4(a * x.x, a * x.y, a * x.z, a * x.w);
}
__device__ inline float4 product4(const float4& x, const float4& y) {
  return make_float4(x.x * y.x, x.y * y.y, x.z * y.z, x.w * y.w);
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

// Rows of samples of one slot: the first gets their sum, in their order, the others zero. next[i]:
// the next sample of the slot of sample i, or slot_mask; | not the first << 31.
__device__ inline void fold_repeats(int n, int cols, const std::int32_t* next, float* rows,
                                    int apart) {
  const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  each_of_rows<4, 1>(
      n, cols, [&](int first, int) { return next[first]; },
      [&](int first, int k, std::int32_t i) {
        if (i < 0 || i == slot_mask) return;
        float4 sum = load4(rows + first * apart + k);
#pragma unroll 1
        for (; i != slot_mask; i = next[i] & slot_mask) {
          sum = fma4(1.0f, load4(rows + i * apart + k), sum);
          store4(rows + i * apart + k, zero);
        }
        store4(rows + first * apart + k, sum);
      });
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
