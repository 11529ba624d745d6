#pragma once
// What a kernel source (*.cu) includes. The same source is compiled twice: by nvcc, and by the host
// compiler over simt.hpp, where every CUDA thread is a fiber. Instructions that only the hardware
// has stand in intrinsics.hpp, one function each, with a twin. Conventions: 1-D blocks; all shared
// memory is dynamic (gpu::shared<T>), laid out by a function that the host calls too.
#include <cstddef>
#include <cstdint>

#include "core/error.hpp"
#include "core/gpu/device.hpp"
#include "core/text.hpp"

#ifdef __CUDACC__
#include <cuda_runtime.h>

#include "core/gpu/cuda_errors.hpp"

namespace fedfuse::gpu {
using Platform = Cuda;

// A kernel is told that it may use the large shared memory of its chip; those of lanes get all of
// it, whatever each uses: a multiprocessor that must divide its memory anew first ends what runs on
// it.
inline void prepare_launch(const void* function, dim3 grid, unsigned block,
                           std::size_t shared_bytes, const Stream& stream) {
  stream.device().make_current();
  constexpr std::size_t without_asking = 48 << 10;
  if (shared_bytes > without_asking)
    check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    int(shared_bytes)),
               "shared memory of a kernel");
  if (stream.use() == Use::overlap)
    check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout,
                                    cudaSharedmemCarveoutMaxShared),
               "shared memory of a lane's kernel");
  const auto blocks = std::uint64_t(grid.x) * grid.y * grid.z;
  if (auto* const list = stream.launches())
    list->push_back(cuda_launch_facts(function, blocks, block, shared_bytes));
}

// Asynchronous on `stream`.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, unsigned block, std::size_t shared_bytes,
            const Stream& stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0) return;
  prepare_launch(reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, stream);
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream.handle())>>>(arguments...);
  check_cuda(cudaGetLastError(), "launch of a kernel");
}

template <class T>
__device__ inline T* shared() {
  extern __shared__ __align__(128) unsigned char fedfuse_shared_memory[];
  return reinterpret_cast<T*>(fedfuse_shared_memory);
}
}  // namespace fedfuse::gpu

#else
#include <math.h>  // the names that CUDA has in the global namespace

#include <algorithm>
#include <atomic>

#include "core/gpu/launch_limits.hpp"
#include "core/gpu/simt.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

using dim3 = fedfuse::simt::Dim;
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline void __syncthreads() { fedfuse::simt::barrier(); }
inline void __syncwarp(unsigned mask = ~0u) { fedfuse::simt::warp_sync(mask); }
inline unsigned __ballot_sync(unsigned mask, int vote) {
  return fedfuse::simt::warp_ballot(mask, vote != 0);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
  return fedfuse::simt::warp_read_as(mask, value, unsigned(lane));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with) {
  return fedfuse::simt::warp_read_as(mask, value, threadIdx.x % 32 ^ unsigned(with));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return fedfuse::simt::warp_read_as(mask, value, lane < by ? lane : lane - by);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = threadIdx.x % 32;
  return fedfuse::simt::warp_read_as(mask, value, lane + by > 31 ? lane : lane + by);
}
template <class T>
T atomicAdd(T* to, T value) {
  std::atomic_ref<T> target(*to);
  T old = target.load(std::memory_order_relaxed);
  while (!target.compare_exchange_weak(old, T(old + value), std::memory_order_relaxed)) {
  }
  fedfuse::simt::publish(to, sizeof(T));
  return old;
}
template <class T>
T atomicMin(T* to, T value) {
  std::atomic_ref<T> target(*to);
  T old = target.load(std::memory_order_relaxed);
  while (value < old && !target.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
  fedfuse::simt::publish(to, sizeof(T));
  return old;
}
template <class T>
T atomicMax(T* to, T value) {
  std::atomic_ref<T> target(*to);
  T old = target.load(std::memory_order_relaxed);
  while (old < value && !target.compare_exchange_weak(old, value, std::memory_order_relaxed)) {
  }
  fedfuse::simt::publish(to, sizeof(T));
  return old;
}
inline int atomicOr(int* to, int bits) {
  const int old = std::atomic_ref(*to).fetch_or(bits, std::memory_order_relaxed);
  fedfuse::simt::publish(to, sizeof(int));
  return old;
}
template <class T>
T __ldg(const T* from) {
  return *from;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(std::uint64_t(a) * b >> 32); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline long long __double2ll_rn(double x) { return std::llrint(x); }
inline long long __float2ll_rn(float x) { return std::llrint(x); }

namespace fedfuse::gpu {
using Platform = Emulated;

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, unsigned block, std::size_t shared_bytes,
            const Stream& stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0) return;
  check_launch(grid, block, shared_bytes, (sizeof(Parameters) + ... + 0));
  const auto blocks = std::uint64_t(grid.x) * grid.y * grid.z;
  // it does not know how many blocks fit
  if (auto* const list = stream.launches()) list->push_back({"", blocks, block, shared_bytes, 0});
  enqueue_emulated(stream,
                   [=] { simt::launch(grid, block, shared_bytes, [&] { kernel(arguments...); }); });
}

template <class T>
T* shared() {
  return static_cast<T*>(simt::shared_memory());
}
}  // namespace fedfuse::gpu
#endif

namespace fedfuse::gpu {
inline constexpr unsigned warp_lanes = 32, all_lanes = ~0u;
}
