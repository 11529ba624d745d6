#include "device/fma.hpp"

namespace fedfuse::bench {
namespace {

// Chains enough that no unit waits for one; each reads itself and two numbers that all share.
__global__ void __launch_bounds__(fma_threads) fma_kernel(float* out, float x, float y, int steps) {
  float chain[fma_chains];
#pragma unroll
  for (int c = 0; c < fma_chains; ++c) chain[c] = float(threadIdx.x + c);
#pragma unroll 1
  for (int s = 0; s < steps; s += fma_unrolled)
#pragma unroll
    for (int u = 0; u < fma_unrolled; ++u)
#pragma unroll
      for (int c = 0; c < fma_chains; ++c) chain[c] = fmaf(chain[c], x, y);
  float sum = 0.0f;
#pragma unroll
  for (int c = 0; c < fma_chains; ++c) sum += chain[c];
  out[blockIdx.x * fma_threads + threadIdx.x] = sum;
}

}  // namespace

void launch_fma(float* out, int blocks, int steps, cudaStream_t stream) {
  fma_kernel<<<unsigned(blocks), fma_threads, 0, stream>>>(out, 0.999999f, 1e-6f, steps);
}

}  // namespace fedfuse::bench
