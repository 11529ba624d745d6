#pragma once
// What the kernels of aggregate.cu share: floats to fixed point, and the work of a thread.
#include "core/fixed_point.hpp"
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"

namespace fedfuse::aggregate {
namespace {

using gpu::all_lanes, gpu::lane;
using Word = unsigned long long;  // two's complement: adding as unsigned is adding as signed
constexpr int block = 256;

__device__ inline std::int64_t thread_of_grid() {
  return std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t threads_of_grid() { return std::int64_t(gridDim.x) * blockDim.x; }
__device__ inline std::int64_t warp_of_grid() { return thread_of_grid() / 32; }
__device__ inline std::int64_t warps_of_grid() { return threads_of_grid() / 32; }

// false for NaN
__device__ inline bool fits(float x, float limit) { return fabsf(x) < limit; }

// weight llrint(double(x) scale): scale is a power of two, so that x scale is exact in float as
// well and nothing here is a double.
__device__ inline Word fixed_update(float x, float scale, Word weight) {
  return weight * Word(__float2ll_rn(x * scale));
}

__device__ inline float scale_of(const GpuUpdates& u, std::int32_t owner) {
  return float(u.scale_of == nullptr ? u.scale : u.scale_of[owner]);
}

// x, or 0 and |x| in `worst`: a client whose update does not fit is marked once, after its row.
__device__ inline float checked(float x, float limit, float& worst) {
  if (fits(x, limit)) return x;
  worst = gpu::max_or_nan(worst, fabsf(x));
  return 0.0f;
}

// Several threads may name the same client. Bits of floats from 0 on are in the order of the
// floats, and those of a NaN above infinity's.
__device__ inline void mark(std::int32_t* misfit, float worst) {
  atomicMax(misfit, __float_as_int(worst));
}

// Blocks for that many threads, or enough to fill any chip: the kernel strides over the rest.
inline dim3 grid_for(std::int64_t threads) {
  constexpr std::int64_t most = 132 * 16;
  const std::int64_t blocks = (threads + block - 1) / block;
  return {unsigned(blocks < 1 ? 1 : blocks < most ? blocks : most), 1, 1};
}
// One block for each `part` of `all`.
inline dim3 grid_of(std::int64_t all, std::int64_t part) {
  return {unsigned((all + part - 1) / part), 1, 1};
}

}  // namespace
}  // namespace fedfuse::aggregate
