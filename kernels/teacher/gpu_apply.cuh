#pragma once
// The last kernel of a step: every parameter by its rule (kernels/dense/optimizer.hpp), four at a
// time.
#include "kernels/teacher/gpu_block.cuh"

namespace fedfuse::teacher {
namespace {

// Sum over l < G of left[l * rows + row] right[l * cols + col ...]: a gradient of rank G where it
// is used.
__device__ inline float4 of_groups(int groups, const float* left, int rows, int row,
                                   const float* right, int cols, int col) {
  float4 sum = zero4();
  for (int l = 0; l < groups; ++l) fma4(sum, left[l * rows + row], load4(right + l * cols + col));
  return sum;
}
__device__ inline float4 over_groups(int groups, const float* rows, int cols, int col) {
  float4 sum = zero4();
  for (int l = 0; l < groups; ++l) add(sum, load4(rows + l * cols + col));
  return sum;
}

// i: of the first of four parameters, which stand in one row.
__device__ inline float4 gradient_at(const GpuNet& n, int i) {
  const auto& at = n.at;
  const auto in = [i](int begin, int size) { return i >= begin && i < begin + size; };
  if (in(at.A_g, at.d * at.d_group))
    return of_groups(n.groups, n.du, at.d, (i - at.A_g) / at.d_group, n.e_old, at.d_group,
                     (i - at.A_g) % at.d_group);
  if (in(at.W_g, 2 * at.d * at.d))
    return of_groups(n.groups, n.da, 2 * at.d, (i - at.W_g) / at.d, n.u, at.d, (i - at.W_g) % at.d);
  if (in(at.a_g, at.d)) return over_groups(n.groups, n.du, at.d, i - at.a_g);
  if (in(at.b1, 2 * at.d)) return over_groups(n.groups, n.da, 2 * at.d, i - at.b1);
  return load4(n.gradient + i);
}

__device__ inline void store_transposed(const GpuNet& n, int i, const float4& p) {
  const int wide = 2 * n.at.d, of_tv = i - n.at.W_tv, of_2 = i - n.at.W2;
  float* to = nullptr;
  int pitch = 0;
  if (of_tv >= 0 && of_tv < wide * wide) {
    to = n.W_tv_t + of_tv % wide * wide + of_tv / wide;
    pitch = wide;
  }
  if (of_2 >= 0 && of_2 < n.at.d * wide) {
    to = n.W2_t + of_2 % wide * n.at.d + of_2 / wide;
    pitch = n.at.d;
  }
  if (to != nullptr) {
    to[0] = p.x;
    to[pitch] = p.y;
    to[2 * pitch] = p.z;
    to[3 * pitch] = p.w;
  }
}

__global__ void __launch_bounds__(apply_threads) apply_kernel(const __grid_constant__ GpuNet n) {
  const int i = 4 * int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n.at.size || n.count == 0) return;
  const float4 g = gradient_at(n, i);
  if (n.rule == Rule::gradient) {
    store4(n.gradient + i, g);
  } else {
    float4 p = load4(n.values + i);
    if (n.rule == Rule::sgd) {
      fma4(p, -n.lr, g);
    } else {
      float4 m = load4(n.m + i), v = load4(n.v + i);
      const AdamFactors& f = n.state->factors;
      adam_step(p.x, m.x, v.x, g.x, f);
      adam_step(p.y, m.y, v.y, g.y, f);
      adam_step(p.z, m.z, v.z, g.z, f);
      adam_step(p.w, m.w, v.w, g.w, f);
      store4(n.m + i, m);
      store4(n.v + i, v);
    }
    store4(n.values + i, p);
    store_transposed(n, i, p);
  }
  if (i == 0) {
    ++n.state->batch;
    ++n.state->steps;
  }  // no thread reads them in this launch
}

}  // namespace
}  // namespace fedfuse::teacher
