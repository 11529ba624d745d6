#pragma once
// The group prior of a launch: of each slot, what is added to its score, or its soft label. A
// kernel of its own: the training kernel has no register left for it. One block, one client.
#include "core/gpu/platform.hpp"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

constexpr unsigned prior_threads = 128;

__global__ void __launch_bounds__(prior_threads)
    fill_prior_kernel(const __grid_constant__ GpuClients g) {
  const int c = g.order[blockIdx.x];
  const GpuPrior& p = g.prior;
  const float* shares = p.shares + std::int64_t(c) * p.groups;
  const std::int32_t* items = g.items + g.begin[c];
  float* to = p.of_slot + g.begin[c];
  for (int s = int(threadIdx.x); s < g.slots[c]; s += int(blockDim.x)) {
    const float* logits = p.logits + std::int64_t(items[s]) * p.groups;
    float sum = 0.0f;
    for (int l = 0; l < p.groups; ++l) sum = fmaf(shares[l], logits[l], sum);
    to[s] = p.as_labels ? 1.0f / (1.0f + expf(-sum)) : sum;
  }
}

inline void fill_prior(const GpuClients& g, const gpu::Stream& stream) {
  if (g.prior.logits == nullptr) return;
  gpu::launch(fill_prior_kernel, dim3{unsigned(g.count), 1, 1}, prior_threads, 0, stream, g);
}

}  // namespace
}  // namespace fedfuse::local_train
