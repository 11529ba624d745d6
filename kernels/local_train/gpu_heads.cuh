#pragma once
// What the heads on a device share. A head is gpu_head_<name>.cuh, its CPU form the Trainer of
// src/model/heads/<name>.hpp: load (weights into shared memory), forward (Z -> scores), backward (Z
// becomes dZ; one SGD step), store. All threads of the block call them together; each ends with a
// barrier. D > 0: the d that the compiler knows, with it every stride: addresses become part of the
// loads, and products little but multiply-adds.
#include "kernels/local_train/gpu_products.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

// The batch in hand: n samples.
template <int Known>
struct BatchView {
  int n;
  Rows<Known> Z;
  float *score, *delta;
};
template <int D>
constexpr int known_stride(int cols) {
  return D > 0 ? padded(cols) : 0;
}

// R2: base = b1 + W_u u, the user half of the first layer; d x d.
__device__ inline void user_half(const float* W_u, const float* u, const float* b1, int d,
                                 float* base) {
#pragma unroll 1
  for (int o = warp(); o < d; o += warps()) {
    const float s = warp_dot(W_u + o * d, u, d);
    if (lane() == 0) base[o] = b1[o] + s;
  }
  __syncthreads();
}
// dW_u = sum u^T and du = W_u^T sum, both from the old values; W_u takes its step.
__device__ inline void step_user_half(float* W_u, const float* u, const float* sum, int d,
                                      float keep, float lr, float* sums, float* du) {
  float* const out[1] = {du};
  column_sums<1>(d, d, sums, out, [&](int o, int k, float (&s)[1]) {
    float& v = W_u[o * d + k];
    s[0] = fmaf(sum[o], v, s[0]);
    v = fmaf(-lr * sum[o], u[k], keep * v);
  });
}

// sum of delta
template <int Known>
__device__ inline float bias_gradient(const BatchView<Known>& x, double* red) {
  double sum = 0;
#pragma unroll 1
  for (int i = int(threadIdx.x); i < x.n; i += int(blockDim.x)) sum += double(x.delta[i]);
  return float(block_sum(sum, red));
}

}  // namespace
}  // namespace fedfuse::local_train
