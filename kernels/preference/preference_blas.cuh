#pragma once
// Around cuBLAS' products T = [A_t E_t, A_v E_v] and c = W T (M x 2d, stored: what the fused kernel
// saves): weights to half precision before, absent modalities in between, the groups' part after.
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/preference/preference_gpu.hpp"

namespace fedfuse::preference {
namespace {

// out[r][k] = in[r][k], rows x cols
__global__ void __launch_bounds__(256)
    halve_kernel(const float* in, std::int64_t in_stride, Half* out, std::int64_t rows,
                 std::int64_t cols) {
  for (std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; at < rows * cols;
       at += std::int64_t(gridDim.x) * blockDim.x)
    out[at] = gpu::to_half(in[at / cols * in_stride + at % cols]);
}

// T[i][first + k] = 0, k < d, for items without the modality
__global__ void __launch_bounds__(256) blank_kernel(Half* T, std::int64_t stride, int first, int d,
                                                    const std::uint8_t* has, std::int64_t items) {
  for (std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; at < items * d;
       at += std::int64_t(gridDim.x) * blockDim.x)
    if (has[at / d] == 0) T[at / d * stride + first + at % d] = gpu::to_half(0.0f);
}

// A warp an item: pref_l[i] = sigmoid(v_l . max(c_i, -a_l) + constant_l)
__global__ void __launch_bounds__(256)
    epilogue_kernel(const __grid_constant__ Problem p, const __grid_constant__ GpuScratch fixed,
                    const float* c) {
  const int wide = 2 * int(p.d);
  const std::int64_t apart = std::int64_t(gridDim.x) * gpu::warps();
  for (std::int64_t i = std::int64_t(blockIdx.x) * gpu::warps() + gpu::warp(); i < p.items;
       i += apart)
    for (int l = 0; l < int(p.groups); ++l) {
      float sum = 0.0f;
      for (int k = gpu::lane(); k < wide; k += 32) {
        const float* from = fixed.table + l * 2 * wide + place_of_output(k);
        sum = fmaf(from[2], fmaxf(c[i * wide + k], from[0]), sum);
      }
      sum = gpu::warp_sum(sum);
      if (gpu::lane() == 0)
        p.pref[l * p.pref_stride + i] = 1.0f / (1.0f + expf(-(sum + fixed.constant[l])));
    }
}

dim3 blocks_for(std::int64_t threads) {
  constexpr std::int64_t most = 132 * 16, block = 256;
  const std::int64_t blocks = (threads + block - 1) / block;
  return {unsigned(blocks < 1 ? 1 : blocks < most ? blocks : most), 1, 1};
}

}  // namespace
}  // namespace fedfuse::preference
