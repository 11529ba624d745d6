#pragma once
// Every parameter by its rule (kernels/dense/optimizer.hpp), four at a time; and the last part of a
// step: the groups' half, whose gradients have rank G and are formed where they are used.
#include "kernels/teacher/gpu_block.cuh"

namespace fedfuse::teacher {
namespace {

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

// i: of the first of four parameters, which stand in one row; g: their gradient.
__device__ inline void apply_four(const GpuNet& n, int i, const float4& g) {
  if (n.rule == Rule::gradient) return store4(n.gradient + i, g);
  float4 p = load4(n.values + i);
  if (n.rule == Rule::sgd) {
    fma4(p, -n.lr, g);
  } else {
    float4 m = load4(n.m + i), v = load4(n.v + i);
    const AdamFactors f = n.state->factors;
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

// Sum over l < G of left[l * rows + row] right[l * cols + col ...].
__device__ inline float4 of_groups(int groups, const float* left, int rows, int row,
                                   const float* right, int cols, int col) {
  float4 sum = zero4();
#pragma unroll 2
  for (int l = 0; l < groups; ++l) fma4(sum, left[l * rows + row], load4(right + l * cols + col));
  return sum;
}
__device__ inline float4 over_groups(int groups, const float* rows, int cols, int col) {
  float4 sum = zero4();
#pragma unroll 2
  for (int l = 0; l < groups; ++l) add(sum, load4(rows + l * cols + col));
  return sum;
}

// Columns of A_g and e, four by four, that a block takes; its rows of A_g pass through shared
// memory, because they change.
constexpr int column_quads = 8;
constexpr std::size_t columns_bytes(int d) { return std::size_t(d) * column_quads * 16; }
__host__ __device__ constexpr int column_tasks(const GpuNet& n) {
  return (n.at.d_group / 4 + column_quads - 1) / column_quads;
}
// W_g, a_g and b1: the rest of the groups' half.
__host__ __device__ constexpr int rest_quads(const GpuNet& n) {
  return (2 * n.at.d * n.at.d + 3 * n.at.d) / 4;
}
__host__ __device__ constexpr int apply_tasks(const GpuNet& n) {
  return column_tasks(n) + (rest_quads(n) + block_threads - 1) / block_threads;
}

// de_l = A_g^T du_l of four columns, by every so many rows as rows_times adds them up.
__device__ inline float4 back_to_embedding(const GpuNet& n, int l, const float* columns) {
  const int d = n.at.d, width = n.at.d_group / 4 < block_threads ? n.at.d_group / 4 : block_threads,
            fit = block_threads / width, slices = fit < d ? fit : d;
  float4 total = zero4();
#pragma unroll 1
  for (int s = 0; s < slices; ++s) {
    float4 sum = zero4();
#pragma unroll 4
    for (int k = s; k < d; k += slices)
      fma4(sum, n.du[l * d + k], load4(columns + k * column_quads * 4));
    add(total, sum);
  }
  return total;
}

struct ColumnTask {
  int first, quads;  // of the columns of A_g
  __device__ ColumnTask(const GpuNet& n, int task) : first(task * column_quads) {
    const int left = n.at.d_group / 4 - first;
    quads = left < column_quads ? left : column_quads;
  }
  // Of the k-th of d x column_quads pieces.
  [[nodiscard]] __device__ bool has(int k) const { return k % column_quads < quads; }
  [[nodiscard]] __device__ int column(int k) const { return 4 * (first + k % column_quads); }
};

// A_g as it is before the groups' half moves.
__device__ inline void stage_columns(const GpuNet& n, int task) {
  const ColumnTask mine(n, task);
  float* old = gpu::shared<float>();
#pragma unroll 1
  for (int k = int(threadIdx.x); k < n.at.d * column_quads; k += block_threads)
    if (mine.has(k))
      gpu::async_copy16(old + 4 * k,
                        n.values + n.at.A_g + k / column_quads * n.at.d_group + mine.column(k));
  gpu::async_commit();
}

// After stage_columns. A quarter of the warps has e, the others A_g.
__device__ inline void apply_columns(const GpuNet& n, int task) {
  const auto& at = n.at;
  const ColumnTask mine(n, task);
  const float* old = gpu::shared<float>();
  constexpr int of_e = block_threads / 4;
  gpu::async_wait<0>();
  __syncthreads();
  if (int(threadIdx.x) < of_e) {
    // embeddings that no group uses move by their moments
#pragma unroll 1
    for (int k = int(threadIdx.x); k < at.groups * column_quads; k += of_e) {
      const int l = k / column_quads;
      if (mine.has(k))
        apply_four(n, at.e + l * at.d_group + mine.column(k),
                   l < n.groups ? back_to_embedding(n, l, old + 4 * (k % column_quads)) : zero4());
    }
    return;
  }
#pragma unroll 1
  for (int k = int(threadIdx.x) - of_e; k < at.d * column_quads; k += block_threads - of_e)
    if (mine.has(k))
      apply_four(
          n, at.A_g + k / column_quads * at.d_group + mine.column(k),
          of_groups(n.groups, n.du, at.d, k / column_quads, n.e_old, at.d_group, mine.column(k)));
}

__device__ inline void apply_rest(const GpuNet& n, int quad) {
  if (quad >= rest_quads(n)) return;
  const auto& at = n.at;
  const int in_W_g = 4 * quad, in_a_g = in_W_g - 2 * at.d * at.d, in_b1 = in_a_g - at.d;
  int i = at.W_g + in_W_g;
  float4 g;
  if (in_a_g < 0) {
    g = of_groups(n.groups, n.da, 2 * at.d, in_W_g / at.d, n.u, at.d, in_W_g % at.d);
  } else {
    const bool of_b1 = in_b1 >= 0;
    i = of_b1 ? at.b1 + in_b1 : at.a_g + in_a_g;
    g = over_groups(n.groups, of_b1 ? n.da : n.du, of_b1 ? 2 * at.d : at.d, of_b1 ? in_b1 : in_a_g);
  }
  apply_four(n, i, g);
}

// Before the groups' half moves, and after.
__device__ inline void stage_apply(const GpuNet& n, int task) {
  if (task < column_tasks(n)) stage_columns(n, task);
}
__device__ inline void apply_task(const GpuNet& n, int task) {
  if (task < column_tasks(n)) return apply_columns(n, task);
  apply_rest(n, (task - column_tasks(n)) * block_threads + int(threadIdx.x));
}

}  // namespace
}  // namespace fedfuse::teacher
