#pragma once
// Fused multiply-adds in registers and nothing else: what the multiply-add units of a device
// sustain.
#include <cuda_runtime_api.h>

namespace fedfuse::bench {

inline constexpr int fma_threads = 256;
// of a thread; a chain: multiply-adds that wait for each other
inline constexpr int fma_chains = 8;
// steps of a turn: of a hundred instructions less than one is the loop's own
inline constexpr int fma_unrolled = 64;

// steps: multiply-adds of a chain, a multiple of fma_unrolled; out: one float a thread.
// Asynchronous.
void launch_fma(float* out, int blocks, int steps, cudaStream_t stream);
[[nodiscard]] constexpr double fma_flops(int blocks, int steps) {
  return 2.0 * fma_chains * fma_threads * double(blocks) * double(steps);
}

}  // namespace fedfuse::bench
