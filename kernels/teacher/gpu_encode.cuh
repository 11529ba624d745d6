#pragma once
// The first kernel of a step: a_l of every group, the encoded features x_m of every slot.
#include "core/gpu/intrinsics.hpp"
#include "kernels/teacher/gpu_block.cuh"

namespace fedfuse::teacher {
namespace {

__host__ __device__ constexpr int over(int n, int of) { return (n + of - 1) / of; }

// u_l = A_g e_l + a_g, a_l = W_g u_l + b1. A warp four rows of a matrix at a time. Shared: e_l,
// u_l.
__device__ inline void encode_group(const GpuNet& n, int l) {
  const auto& at = n.at;
  float *e = gpu::shared<float>(), *u = e + at.d_group;
  for (int k = int(threadIdx.x); k < at.d_group; k += int(blockDim.x))
    e[k] = n.values[at.e + l * at.d_group + k];
  __syncthreads();
  for (int o = 4 * warp(); o < at.d; o += 4 * warps()) {  // d is a multiple of 4
    const float4 y = dots(e, n.values + at.A_g + o * at.d_group, at.d_group, at.d_group),
                 bias = load4(n.values + at.a_g + o);
    if (lane() == 0) {
      u[o] = y.x + bias.x;
      u[o + 1] = y.y + bias.y;
      u[o + 2] = y.z + bias.z;
      u[o + 3] = y.w + bias.w;
    }
  }
  __syncthreads();
  for (int o = 4 * warp(); o < 2 * at.d; o += 4 * warps()) {
    const float4 y = dots(u, n.values + at.W_g + o * at.d, at.d, at.d),
                 bias = load4(n.values + at.b1 + o);
    if (lane() == 0)
      store4(n.a + l * 2 * at.d + o,
             make_float4(y.x + bias.x, y.y + bias.y, y.z + bias.z, y.w + bias.w));
  }
  for (int k = int(threadIdx.x); k < at.d; k += int(blockDim.x)) n.u[l * at.d + k] = u[k];
}

// Where a thread copies from: the same four columns of four slots' features and of four rows of the
// encoder; null: zeros.
struct EncodeRows {
  const float* from[8];
  int width;
  __device__ EncodeRows(const GpuNet& n, const Batch& b, int first_slot, int modality,
                        int first_column) {
    const auto& at = n.at;
    const bool image = modality == 1;
    width = image ? at.d_image : at.d_text;
    const float *features = image ? n.image : n.text,
                *encoder = n.values + (image ? at.A_v : at.A_t);
    const std::uint8_t* has = image ? n.has_image : n.has_text;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = int(threadIdx.x) / 64 + 4 * i, slot = first_slot + row,
                column = first_column + row;
      from[i] = from[4 + i] = nullptr;
      if (column < at.d) from[4 + i] = encoder + std::int64_t(column) * width;
      if (slot >= b.slots) continue;
      const std::int64_t item = Place(n, b, slot * n.pairs_a_slot).item;
      const bool there = width > 0 && (has == nullptr || has[item] != 0);
      if (there) from[i] = features + item * width;
      if (first_column == 0 && threadIdx.x % 64 == 0)
        n.row[modality * n.slots + slot] = there ? std::int32_t(item) : -1;
    }
  }
  // Columns [encode_depth chunk, ...) of 16 slots, then of 16 rows of the encoder.
  __device__ void copy(int chunk, float* to) const {
    const int column = 4 * (int(threadIdx.x) % 64), k = chunk * encode_depth + column;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      float* target =
          to +
          (int(threadIdx.x) / 64 + 4 * (i % 4) + (i < 4 ? 0 : encode_tile)) * (encode_depth + 4) +
          column;
      if (k < width && from[i] != nullptr)
        gpu::async_copy16(target, from[i] + k);
      else
        store4(target, zero4());
    }
  }
};

constexpr int stage_floats = 2 * encode_tile * (encode_depth + 4),
              encode_warps = encode_threads / 32;
constexpr std::size_t encode_bytes =
    (2 * stage_floats + encode_warps * encode_tile * encode_tile) * sizeof(float);

// x_m of 16 slots, 16 of its columns. A warp takes 32 of every 256 features, a lane 4 slots x 2
// columns; then the warps' sums are added in order.
__device__ inline void encode_slots(const GpuNet& n, const Batch& b, int first_slot, int modality,
                                    int first_column) {
  float *stage = gpu::shared<float>(), *partial = stage + 2 * stage_floats;
  const EncodeRows rows(n, b, first_slot, modality, first_column);
  const int chunks = over(rows.width, encode_depth);
  float sum[4][2] = {};
  for (int c = 0; c < 2; ++c) {
    if (c < chunks) rows.copy(c, stage + c * stage_floats);
    gpu::async_commit();
  }
#pragma unroll 1
  for (int c = 0; c < chunks; ++c) {
    gpu::async_wait<1>();
    __syncthreads();
    float* now = stage + c % 2 * stage_floats;
    const float *slot = now + lane() / 8 * (encode_depth + 4),
                *column = now + (encode_tile + lane() % 8) * (encode_depth + 4);
    const int left = rows.width - c * encode_depth,
              end = 32 * (warp() + 1) < left ? 32 * (warp() + 1) : left;
#pragma unroll 2
    for (int k = 32 * warp(); k < end; k += 4) {
      float4 y[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) y[j] = load4(column + 8 * j * (encode_depth + 4) + k);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float4 x = load4(slot + 4 * i * (encode_depth + 4) + k);
#pragma unroll
        for (int j = 0; j < 2; ++j)
          sum[i][j] =
              fmaf(x.x, y[j].x, fmaf(x.y, y[j].y, fmaf(x.z, y[j].z, fmaf(x.w, y[j].w, sum[i][j]))));
      }
    }
    __syncthreads();
    if (c + 2 < chunks) rows.copy(c + 2, now);
    gpu::async_commit();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 2; ++j)
      partial[(warp() * encode_tile + lane() / 8 + 4 * i) * encode_tile + lane() % 8 + 8 * j] =
          sum[i][j];
  __syncthreads();
  const int row = int(threadIdx.x) / encode_tile, column = int(threadIdx.x) % encode_tile,
            o = modality * n.at.d + first_column + column;
  if (first_slot + row >= b.slots || first_column + column >= n.at.d) return;
  float total = 0.0f;
  for (int w = 0; w < encode_warps; ++w)
    total += partial[(w * encode_tile + row) * encode_tile + column];
  n.x[std::int64_t(first_slot + row) * 2 * n.at.d + o] = total + n.values[n.at.a_tv + o];
}

__global__ void __launch_bounds__(encode_threads) encode_kernel(const __grid_constant__ GpuNet n) {
  if (n.count == 0) return;  // parameters may not be there yet
  if (int(blockIdx.x) < n.groups) return encode_group(n, int(blockIdx.x));
  const Batch b(n);
  const int tile = int(blockIdx.x) - n.groups, across = over(n.at.d, encode_tile),
            first_slot = tile / (2 * across) * encode_tile;
  if (first_slot < b.slots)
    encode_slots(n, b, first_slot, tile / across % 2, tile % across * encode_tile);
}

}  // namespace
}  // namespace fedfuse::teacher
