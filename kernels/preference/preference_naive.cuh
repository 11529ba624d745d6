#pragma once
// Q = W2 ReLU(W1 [A_g e_l + a_g; A_t E_t[i] + a_t; A_v E_v[i] + a_v] + b1) + b2, pref = sigmoid(w_l
// . Q + b_l): a block an item and group, everything again for each of them. Shared: x 3d, hidden
// 2d, terms d.
#include "core/gpu/platform.hpp"
#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {
namespace {

__device__ inline float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0.0f;
  for (std::int64_t k = 0; k < n; ++k) sum = fmaf(a[k], b[k], sum);
  return sum;
}

__global__ void naive_kernel(const __grid_constant__ Problem p) {
  const std::int64_t i = blockIdx.x, l = blockIdx.y;
  const int d = int(p.d), tid = int(threadIdx.x), threads = int(blockDim.x);
  float *x = gpu::shared<float>(), *hidden = x + 3 * d, *term = hidden + 2 * d;
  const bool text = p.has_text == nullptr || p.has_text[i] != 0,
             image = p.has_image == nullptr || p.has_image[i] != 0;
  for (int k = tid; k < d; k += threads) {
    x[k] = p.a_g[k] + dot(p.A_g + k * p.d_group, p.e + l * p.d_group, p.d_group);
    x[d + k] =
        p.a_t[k] + (text ? dot(p.A_t + k * p.d_text, p.text + i * p.d_text, p.d_text) : 0.0f);
    x[2 * d + k] =
        p.a_v[k] + (image ? dot(p.A_v + k * p.d_image, p.image + i * p.d_image, p.d_image) : 0.0f);
  }
  __syncthreads();
  for (int o = tid; o < 2 * d; o += threads)
    hidden[o] = fmaxf(p.b1[o] + dot(p.W1 + std::int64_t(o) * 3 * d, x, 3 * d), 0.0f);
  __syncthreads();
  for (int k = tid; k < d; k += threads)
    term[k] = p.w[l * d + k] * (p.b2[k] + dot(p.W2 + std::int64_t(k) * 2 * d, hidden, 2 * d));
  __syncthreads();
  if (tid != 0) return;
  float logit = p.b[l];
  for (int k = 0; k < d; ++k) logit += term[k];
  p.pref[l * p.pref_stride + i] = 1.0f / (1.0f + expf(-logit));
}

}  // namespace
}  // namespace fedfuse::preference
