#pragma once
// What the threads of a block do together in every kernel: their numbers, wide loads, and sums.
// Every sum has one fixed order.
#include "core/gpu/platform.hpp"

namespace fedfuse::gpu {

__device__ inline int lane() { return int(threadIdx.x) % 32; }
__device__ inline int warp() { return int(threadIdx.x) / 32; }
__device__ inline int warps() { return int(blockDim.x) / 32; }

// 16 bytes at once; p is aligned to them.
__device__ inline float4 load4(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ inline void store4(float* p, const float4& x) { *reinterpret_cast<float4*>(p) = x; }
__device__ inline float component(const float4& v, int k) {
  return k == 0 ? v.x : k == 1 ? v.y : k == 2 ? v.z : v.w;
}

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int by = 16; by > 0; by /= 2) x += __shfl_xor_sync(all_lanes, x, by);
  return x;
}
__device__ inline double warp_sum(double x) {
#pragma unroll
  for (int by = 16; by > 0; by /= 2) x += __shfl_xor_sync(all_lanes, x, by);
  return x;
}

// Two lanes, which differ in the bit `with`, share 2 N sums: the one without it gets those of
// x[0, N), the other those of x[N, 2 N), both in x[0, N).
template <int N>
__device__ inline void share_sums(float* x, int with) {
  const bool upper = (lane() & with) != 0;
#pragma unroll
  for (int k = 0; k < N; ++k) {
    const float sent = upper ? x[k] : x[k + N], kept = upper ? x[k + N] : x[k];
    x[k] = kept + __shfl_xor_sync(all_lanes, sent, with);
  }
}

// The sum of every thread's x, to every thread. red: 32 doubles of shared memory.
__device__ inline double block_sum(double x, double* red) {
  x = warp_sum(x);
  __syncthreads();  // red may still be read
  if (lane() == 0) red[warp()] = x;
  __syncthreads();
  double total = 0;
  for (int w = 0; w < warps(); ++w) total += red[w];
  return total;
}

// What the threads before this one hold together. total: what all hold. totals: 32 words of shared
// memory. Ends with a barrier.
__device__ inline std::int32_t block_scan(std::int32_t own, std::int32_t* totals,
                                          std::int32_t& total) {
  std::int32_t sum = own;
#pragma unroll
  for (int by = 1; by < 32; by *= 2) {
    const std::int32_t left = __shfl_up_sync(all_lanes, sum, unsigned(by));
    if (lane() >= by) sum += left;
  }
  if (lane() == 31) totals[warp()] = sum;
  __syncthreads();
  total = 0;
  for (int w = 0; w < warps(); ++w) {
    if (w == warp()) sum += total;
    total += totals[w];
  }
  __syncthreads();
  return sum - own;
}

}  // namespace fedfuse::gpu
