#pragma once
// The first phase of a step: a_l of every group, the encoded features x_m of every slot.
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
#pragma unroll 1
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
#pragma unroll 1
  for (int o = 4 * warp(); o < 2 * at.d; o += 4 * warps()) {
    const float4 y = dots(u, n.values + at.W_g + o * at.d, at.d, at.d),
                 bias = load4(n.values + at.b1 + o);
    if (lane() == 0)
      store4(n.a + l * 2 * at.d + o,
             make_float4(y.x + bias.x, y.y + bias.y, y.z + bias.z, y.w + bias.w));
  }
  for (int k = int(threadIdx.x); k < at.d; k += int(blockDim.x)) n.u[l * at.d + k] = u[k];
}

// Half of a block has a tile: 16 slots, 16 columns of one modality.
constexpr int encode_threads = block_threads / 2, encode_warps = encode_threads / 32;
constexpr int stage_floats = 2 * encode_tile * (encode_depth + 4);
constexpr int half_floats = 2 * stage_floats + encode_warps * encode_tile * encode_tile;
// halves: of a block that have a tile, 1 or 2
constexpr std::size_t encode_bytes(int halves) {
  return std::size_t(halves) * half_floats * sizeof(float);
}

__host__ __device__ constexpr int encode_tiles(const GpuNet& n) {
  return over(n.slots, encode_tile) * 2 * over(n.at.d, encode_tile);
}
__host__ __device__ constexpr int encode_tasks(const GpuNet& n, int halves) {
  return n.groups + over(encode_tiles(n), halves);
}

struct EncodeTile {
  int first_slot, modality, first_column;
  bool there;
  __device__ EncodeTile(const GpuNet& n, const Batch& b, int tile) {
    const int across = over(n.at.d, encode_tile);
    first_slot = tile / (2 * across) * encode_tile;
    modality = tile / across % 2;
    first_column = tile % across * encode_tile;
    there = tile < encode_tiles(n) && first_slot < b.slots;
  }
};

// Where a thread copies from: the same four columns of four slots' features and of four rows of the
// encoder; null: zeros. A half without a tile touches no shared memory: it may have none.
struct EncodeRows {
  const float* from[8];
  int width, thread;
  bool there;
  __device__ EncodeRows(const GpuNet& n, const Batch& b, const EncodeTile& tile)
      : thread(int(threadIdx.x) % encode_threads), there(tile.there) {
    const auto& at = n.at;
    const bool image = tile.modality == 1;
    width = !tile.there ? 0 : image ? at.d_image : at.d_text;
    const float *features = image ? n.image : n.text,
                *encoder = n.values + (image ? at.A_v : at.A_t);
    const std::uint8_t* has = image ? n.has_image : n.has_text;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = thread / 64 + 4 * i, slot = tile.first_slot + row,
                column = tile.first_column + row;
      from[i] = from[4 + i] = nullptr;
      if (!tile.there) continue;
      if (column < at.d) from[4 + i] = encoder + std::int64_t(column) * width;
      if (slot >= b.slots) continue;
      const std::int64_t item = Place(n, b, slot * n.pairs_a_slot).item;
      const bool has_it = width > 0 && (has == nullptr || has[item] != 0);
      if (has_it) from[i] = features + item * width;
    }
  }
  // What the gradients of the encoders read: after the wait, because those of the batch before read
  // it.
  __device__ void write_rows(const GpuNet& n, const Batch& b, const EncodeTile& tile) const {
    if (!tile.there || tile.first_column != 0 || thread % 64 != 0) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int slot = tile.first_slot + thread / 64 + 4 * i;
      if (slot < b.slots)
        n.row[tile.modality * n.slots + slot] =
            from[i] != nullptr ? std::int32_t(Place(n, b, slot * n.pairs_a_slot).item) : -1;
    }
  }
  // Columns [encode_depth chunk, ...): from = 0 of 16 slots, 4 of 16 rows of the encoder.
  template <int First>
  __device__ void copy(int chunk, float* to) const {
    if (!there) return;
    const int column = 4 * (thread % 64), k = chunk * encode_depth + column;
#pragma unroll
    for (int i = First; i < First + 4; ++i) {
      float* target = to +
                      (thread / 64 + 4 * (i % 4) + (i < 4 ? 0 : encode_tile)) * (encode_depth + 4) +
                      column;
      if (k < width && from[i] != nullptr)
        gpu::async_copy16(target, from[i] + k);
      else
        store4(target, zero4());
    }
  }
};

// x_m of 16 slots, 16 of its columns. A warp takes 32 of every 256 features, a lane 4 slots x 2
// columns; then the warps' sums are added in order. wait(): for the parameters; features are there
// before.
template <class Wait>
__device__ inline void encode_slots(const GpuNet& n, const Batch& b, int tile_index, Wait wait) {
  const EncodeTile tile(n, b, tile_index);
  const EncodeRows rows(n, b, tile);
  float *stage = gpu::shared<float>() + int(threadIdx.x) / encode_threads * half_floats,
        *partial = stage + 2 * stage_floats;
  const int widest = n.at.d_text > n.at.d_image ? n.at.d_text : n.at.d_image,
            chunks = over(widest, encode_depth), group = warp() % encode_warps;
#pragma unroll 1
  for (int c = 0; c < 2 && c < chunks; ++c) rows.copy<0>(c, stage + c * stage_floats);
  wait();
  rows.write_rows(n, b, tile);
  float sum[4][2] = {};
#pragma unroll 1
  for (int c = 0; c < 2; ++c) {
    if (c < chunks) rows.copy<4>(c, stage + c * stage_floats);
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
              end = 32 * (group + 1) < left ? 32 * (group + 1) : left;
#pragma unroll 2
    for (int k = 32 * group; k < end; k += 4) {
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
    if (c + 2 < chunks) {
      rows.copy<0>(c + 2, now);
      rows.copy<4>(c + 2, now);
    }
    gpu::async_commit();
  }
  if (tile.there)
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < 2; ++j)
        partial[(group * encode_tile + lane() / 8 + 4 * i) * encode_tile + lane() % 8 + 8 * j] =
            sum[i][j];
  __syncthreads();
  const int row = rows.thread / encode_tile, column = rows.thread % encode_tile,
            o = tile.modality * n.at.d + tile.first_column + column;
  if (!tile.there || tile.first_slot + row >= b.slots || tile.first_column + column >= n.at.d)
    return;
  float total = 0.0f;
  for (int w = 0; w < encode_warps; ++w)
    total += partial[(w * encode_tile + row) * encode_tile + column];
  n.x[std::int64_t(tile.first_slot + row) * 2 * n.at.d + o] = total + n.values[n.at.a_tv + o];
}

template <class Wait>
__device__ inline void encode_task(const GpuNet& n, const Batch& b, int task, int halves,
                                   Wait wait) {
  if (task >= n.groups) {
    const int half = int(threadIdx.x) / encode_threads,
              none = encode_tiles(n);  // a tile that is not there
    return encode_slots(n, b, half < halves ? (task - n.groups) * halves + half : none, wait);
  }
  wait();
  encode_group(n, task);
}

}  // namespace
}  // namespace fedfuse::teacher
