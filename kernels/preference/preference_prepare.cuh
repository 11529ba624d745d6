#pragma once
// What does not depend on an item: weights in half precision, laid out as the tensor cores take
// them, and what a group adds.
#include "core/gpu/intrinsics.hpp"
#include "kernels/preference/preference_gpu.hpp"

namespace fedfuse::preference {
namespace {

// The column of W that stands at `position` of 32: the left operand is the encoders' result as it
// lies in registers, lane t with columns 2t, 2t + 1 and 2t + 8, 2t + 9 of each 16. Features are
// taken in the order of the memory instead.
__device__ inline int column_in_registers(int position) {
  const int t = position / 8, step = position % 8 / 4, far = position % 4 / 2;
  return 16 * step + 2 * t + 8 * far + position % 2;
}

__global__ void pack_kernel(const __grid_constant__ Problem p, const __grid_constant__ GpuPlan plan,
                            Half* out) {
  const int unit = int(blockIdx.x), d = int(p.d), chunks = d / unit_columns;
  for (int at = int(threadIdx.x); at < d * unit_columns; at += int(blockDim.x)) {
    const int row = at / unit_columns, position = at % unit_columns;
    float w = 0.0f;
    if (unit < plan.text_units) {
      const int k = unit * unit_columns + position;
      if (k < p.d_text) w = p.A_t[row * p.d_text + k];
    } else if (unit < plan.text_units + plan.image_units) {
      const int k = (unit - plan.text_units) * unit_columns + position;
      if (k < p.d_image) w = p.A_v[row * p.d_image + k];
    } else {
      const int m = unit - plan.text_units - plan.image_units,
                output = m / plan.mixing_units * d + row;
      const int chunk = m % plan.mixing_units + (plan.text_units > 0 ? 0 : chunks);
      w = p.W1[std::int64_t(output) * 3 * d + d + chunk * unit_columns +
               column_in_registers(position)];
    }
    out[std::int64_t(unit) * d * unit_columns + at] = gpu::to_half(w);
  }
}

// a_l + W_t a_t + W_v a_v, v_l = W_2^T w_l and w_l . b_2 + b_l of one group. Shared: d floats.
__global__ void group_kernel(const __grid_constant__ Problem p,
                             const __grid_constant__ GpuScratch out) {
  float* g = gpu::shared<float>();
  const int l = int(blockIdx.x), d = int(p.d);
  for (int k = int(threadIdx.x); k < d; k += int(blockDim.x)) {
    float sum = p.a_g[k];
    for (int j = 0; j < p.d_group; ++j)
      sum = fmaf(p.A_g[k * p.d_group + j], p.e[l * p.d_group + j], sum);
    g[k] = sum;
  }
  __syncthreads();
  for (int o = int(threadIdx.x); o < 2 * d; o += int(blockDim.x)) {
    const float* row = p.W1 + std::int64_t(o) * 3 * d;
    float a = p.b1[o], v = 0.0f;
    for (int k = 0; k < d; ++k) {
      a = fmaf(row[k], g[k], fmaf(row[d + k], p.a_t[k], fmaf(row[2 * d + k], p.a_v[k], a)));
      v = fmaf(p.W2[k * 2 * d + o], p.w[l * d + k], v);
    }
    out.a[l * 2 * d + o] = a;
    out.v[l * 2 * d + o] = v;
  }
  if (threadIdx.x != 0) return;
  float constant = p.b[l];
  for (int k = 0; k < d; ++k) constant = fmaf(p.w[l * d + k], p.b2[k], constant);
  out.constant[l] = constant;
}

inline void prepare(const Problem& p, const GpuPlan& plan, const GpuScratch& scratch,
                    const gpu::Stream& stream) {
  gpu::launch(pack_kernel, dim3{unsigned(plan.units()), 1, 1}, 256, 0, stream, p, plan,
              scratch.units);
  gpu::launch(group_kernel, dim3{unsigned(p.groups), 1, 1}, 128, std::size_t(p.d) * sizeof(float),
              stream, p, scratch);
}

}  // namespace
}  // namespace fedfuse::preference
