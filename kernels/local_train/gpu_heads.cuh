#pragma once
// What the heads on a device share. A head is gpu_head_<name>.cuh, its CPU form the Trainer of
// src/model/heads/<name>.hpp: load (weights into shared memory), forward (Z -> scores), backward (Z
// becomes dZ; one SGD step), store. All threads of the block call them together; each ends with a
// barrier. D > 0: the d that the compiler knows, with it every stride: addresses become part of the
// loads, and products little but multiply-adds.
// pairs, pairs_routed: whether two blocks of the usual d fit a multiprocessor of sm_90, by their
// shared memory; then each gets half of the registers.
#include "kernels/local_train/gpu_products.cuh"
#include "kernels/local_train/gpu_sums.cuh"
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
template <int D>
constexpr int known_weights(int cols) {
  return D > 0 ? weight_stride(cols) : 0;
}

// R2: base = b1 + W_u u, the user half of the first layer; W_u: d x d, rows of weight_stride(d).
// Threads take (part of k, output); the parts are added in order. sums: blockDim floats.
__device__ inline void user_half(const float* W_u, const float* u, const float* b1, int d,
                                 float* sums, float* base) {
  const int stride = weight_stride(d), threads = int(blockDim.x),
            parts = threads / d < d / 4 ? threads / d : d / 4, part = int(threadIdx.x) / d,
            o = int(threadIdx.x) % d;
  if (part < parts) {
    float sum = 0;
#pragma unroll 1
    for (int k = 4 * part; k < d; k += 4 * parts)
      sum = dot4(load4(W_u + o * stride + k), load4(u + k), sum);
    sums[part * d + o] = sum;
  }
  __syncthreads();
  if (part == 0) {
    float sum = b1[o];
#pragma unroll 1
    for (int v = 0; v < parts; ++v) sum += sums[v * d + o];
    base[o] = sum;
  }
  __syncthreads();
}
// dW_u = sum u^T and du = W_u^T sum, both from the old values; W_u takes its step. D: as the
// heads'.
template <int D>
__device__ inline void step_user_half(float* W_u, const float* u, const float* sum, int d,
                                      float keep, float lr, float* sums, float* du) {
  float* const out[1] = {du};
  const int stride = weight_stride(d);
  column_sums<D, 1>(d, d, sums, out, [&](int o, int k, float4(&s)[1]) {
    float* v = W_u + o * stride + k;
    const float4 was = load4(v);
    s[0] = fma4(sum[o], was, s[0]);
    store4(v, fma4(-lr * sum[o], load4(u + k), scaled(keep, was)));
  });
}
// g = dL/dh where h = ReLU(..) fed s = w.h + ..: delta w where h > 0
__device__ inline float4 through_relu(float delta, const float4& w, const float4& h) {
  return make_float4(h.x > 0.0f ? delta * w.x : 0.0f, h.y > 0.0f ? delta * w.y : 0.0f,
                     h.z > 0.0f ? delta * w.z : 0.0f, h.w > 0.0f ? delta * w.w : 0.0f);
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
