#pragma once
// What does not depend on an item, in one launch: weights in half precision, laid out as the tensor
// cores take them, and what a group adds.
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/preference/preference_gpu.hpp"

namespace fedfuse::preference {
namespace {

// A unit lies as 16 rows x 16 columns after another, 16 bytes a lane: lane (g, t) holds rows g and
// g + 8 of two pairs of columns. Of features it takes columns in the order of the memory: lane t of
// an item loads columns 8t .. 8t + 7 at once. Of what is encoded, in that of the registers.
__device__ inline int first_column(bool features, int step, int t) {
  return features ? 8 * t + 4 * step : 16 * step + 2 * t;
}

// Eight halves of a unit: of one lane, tile and step. W: row `row` of the unit, column 0; valid
// columns only.
__device__ inline uint4 pack_lane(const float* W, std::int64_t stride, bool features, int columns,
                                  int step, int t) {
  const int near = first_column(features, step, t), far = near + (features ? 2 : 8);
  const auto pair = [&](int row, int column) {
    if (column >= columns) return 0u;  // columns are pairs
    const float2 w = *reinterpret_cast<const float2*>(W + 8 * row * stride + column);
    return gpu::to_half2(w.x, w.y);
  };
  return {pair(0, near), pair(1, near), pair(0, far), pair(1, far)};
}

__device__ inline void pack_unit(const Problem& p, const GpuPlan& plan, int unit, Half* units) {
  const int d = int(p.d), image = plan.text_units, mixing = image + plan.image_units;
  const float* W = p.W1;
  std::int64_t stride = 3 * d;
  int columns = unit_columns;
  if (unit < image) {
    W = p.A_t + unit * unit_columns;
    stride = p.d_text;
    columns = int(p.d_text) - unit * unit_columns;
  } else if (unit < mixing) {
    W = p.A_v + (unit - image) * unit_columns;
    stride = p.d_image;
    columns = int(p.d_image) - (unit - image) * unit_columns;
  } else {
    const int m = unit - mixing, chunk = m % plan.mixing_units + (image > 0 ? 0 : d / unit_columns);
    W += m / plan.mixing_units * d * stride + d + chunk * unit_columns;
  }
  uint4* to = reinterpret_cast<uint4*>(units + std::int64_t(unit) * d * unit_columns);
  for (int at = int(threadIdx.x); at < d * unit_columns / 8; at += int(blockDim.x)) {
    const int lane = at % 32, row = at / 64 * 16 + lane / 4;
    to[at] = pack_lane(W + row * stride, stride, unit < mixing, columns, at / 32 % 2, lane % 4);
  }
  if (unit == 0)  // the row of what is missing
    for (int at = int(threadIdx.x); at < zero_halves; at += int(blockDim.x))
      units[std::int64_t(plan.units()) * d * unit_columns + at] = 0;
}

// The sums over k of rows[r stride + k] x[k], k < n, of four rows, to every lane of the warp.
// Unroll: rounds of 32 columns on their way at once.
template <int Unroll>
__device__ inline void four_dots(const float* rows, std::int64_t stride, const float* x, int n,
                                 float (&sum)[4]) {
#pragma unroll
  for (float& s : sum) s = 0.0f;
#pragma unroll Unroll
  for (int k = gpu::lane(); k < n; k += 32) {
    const float with = x[k];
#pragma unroll
    for (int r = 0; r < 4; ++r) sum[r] = fmaf(rows[r * stride + k], with, sum[r]);
  }
  __syncwarp();
#pragma unroll
  for (float& s : sum) s = gpu::warp_sum(s);
}

// Shared memory of a block of a group: [g_l, a_t, a_v], a_l, and what slices of threads found of
// v_l.
struct GroupRoom {
  float *x, *a, *part;
  __device__ explicit GroupRoom(int d) : x(gpu::shared<float>()), a(x + 3 * d), part(a + 2 * d) {}
};

// v_l = W_2^T w_l: a slice of the threads takes every so many rows of W_2.
__device__ inline int slices_of_v(const Problem& p, int l, const GroupRoom& room) {
  const int d = int(p.d), threads = int(blockDim.x), width = 2 * d < threads ? 2 * d : threads,
            slices = threads / width, slice = int(threadIdx.x) / width;
  for (int o = int(threadIdx.x) % width; slice < slices && o < 2 * d; o += width) {
    float sum = 0.0f;
#pragma unroll 8
    for (int k = slice; k < d; k += slices) sum = fmaf(p.W2[k * 2 * d + o], p.w[l * d + k], sum);
    room.part[slice * 2 * d + o] = sum;
  }
  return slices;
}

// A warp four rows at a time: -(a_l + W_t a_t + W_v a_v) and v_l of every output where the lanes of
// the products find both (place_of_output); and, with max(a + c, 0) = max(c, -a) + a, the constant
// w_l . b_2 + b_l + v_l . a_l.
__device__ inline void prepare_group(const Problem& p, int l, const GpuScratch& out) {
  const int d = int(p.d), tid = int(threadIdx.x), threads = int(blockDim.x);
  const GroupRoom room(d);
  float sum[4];
  for (int k = tid; k < d; k += threads) {
    room.x[d + k] = p.a_t[k];
    room.x[2 * d + k] = p.a_v[k];
  }
  const int slices = slices_of_v(p, l, room);
#pragma unroll 1
  for (int k = 4 * gpu::warp(); k < d; k += 4 * gpu::warps()) {
    four_dots<8>(p.A_g + k * p.d_group, p.d_group, p.e + l * p.d_group, int(p.d_group), sum);
    if (gpu::lane() == 0)
      for (int r = 0; r < 4; ++r) room.x[k + r] = sum[r] + p.a_g[k + r];
  }
  __syncthreads();
#pragma unroll 1
  for (int o = 4 * gpu::warp(); o < 2 * d; o += 4 * gpu::warps()) {
    four_dots<6>(p.W1 + std::int64_t(o) * 3 * d, 3 * d, room.x, 3 * d, sum);
    if (gpu::lane() == 0)
      for (int r = 0; r < 4; ++r) room.a[o + r] = sum[r] + p.b1[o + r];
  }
  __syncthreads();
  float constant = 0.0f;
  for (int o = tid; o < 2 * d; o += threads) {
    float v = 0.0f;
    for (int s = 0; s < slices; ++s) v += room.part[s * 2 * d + o];
    float* to = out.table + l * 4 * d + place_of_output(o);
    to[0] = -room.a[o];
    to[2] = v;
    constant = fmaf(v, room.a[o], constant);
  }
  for (int k = tid; k < d; k += threads) constant = fmaf(p.w[l * d + k], p.b2[k], constant);
  constant = gpu::warp_sum(constant);
  __syncthreads();
  if (gpu::lane() == 0) room.x[gpu::warp()] = constant;
  __syncthreads();
  if (tid == 0) {
    float total = p.b[l];
    for (int w = 0; w < gpu::warps(); ++w) total += room.x[w];
    out.constant[l] = total;
  }
}

// A block a group, which takes longest, then a block a unit.
__global__ void __launch_bounds__(prepare_threads, 1)
    prepare_kernel(const __grid_constant__ Problem p, const __grid_constant__ GpuPlan plan,
                   const __grid_constant__ GpuScratch out) {
  const int block = int(blockIdx.x), groups = int(p.groups);
  if (block < groups)
    prepare_group(p, block, out);
  else
    pack_unit(p, plan, block - groups, out.units);
}

inline void prepare(const Problem& p, const GpuPlan& plan, const GpuScratch& scratch,
                    const gpu::Stream& stream) {
  const std::int64_t part = 2 * p.d > prepare_threads ? 2 * p.d : prepare_threads;
  gpu::launch(prepare_kernel, dim3{unsigned(p.groups + plan.units()), 1, 1}, prepare_threads,
              std::size_t(5 * p.d + part) * sizeof(float), stream, p, plan, scratch);
}

}  // namespace
}  // namespace fedfuse::preference
