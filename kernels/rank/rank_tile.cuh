#pragma once
// The tile kernel of linear and mlp heads: count_u = #{i : s_ui > h_u}, #{i : s_ui = h_u}.
//
// A block owns 128 clients and walks through tiles of 128 items; a thread owns 8 x 8 scores of a
// tile. Three stages of the inner sum stand in shared memory, copied behind the back of the
// registers. A thread counts into one word a client: four counts of 8 bits, which 31 tiles cannot
// overflow; integers, so any order of adding them gives the same.
//
// What a Tile says: stage_floats; more_floats(r), of shared memory of its own; chunks(r), stages
// that a tile takes; copy(tile, chunk, stage), this thread's part of a stage; add(chunk, stage, x,
// y, score), the stage's part of the sums.
#include "core/gpu/intrinsics.hpp"
#include "kernels/rank/rank_score.cuh"

namespace fedfuse::rank {
namespace {

constexpr int block_threads = 256, stages = 3, side = 8, tiles_before_flush = 31;

// A thread's 8: 4 from 4 x, 4 from 64 + 4 x, so that 8 lanes read 128 bytes in a row.
__device__ inline int placed(int x, int j) { return (j < 4 ? 0 : 64) + 4 * x + j % 4; }
__device__ inline void load8(const float* from, int x, float (&to)[side]) {
  const float4 low = *reinterpret_cast<const float4*>(from + 4 * x),
               high = *reinterpret_cast<const float4*>(from + 64 + 4 * x);
  to[0] = low.x;
  to[1] = low.y;
  to[2] = low.z;
  to[3] = low.w;
  to[4] = high.x;
  to[5] = high.y;
  to[6] = high.z;
  to[7] = high.w;
}

// packed: a word a client, block_threads words apart.
__device__ inline void flush(const GpuRank& r, std::int64_t first_client, int y, unsigned* packed) {
#pragma unroll
  for (int c = 0; c < side; ++c) {
    const std::int64_t u = first_client + placed(y, c);
    if (u < r.clients)
#pragma unroll
      for (int w = 0; w < 4; ++w)
        if (const int n = int(packed[c * block_threads] >> (8 * w) & 255u); n > 0)
          atomicAdd(r.count + 4 * u + w, n);
    packed[c * block_threads] = 0;
  }
}

template <class Tile>
__global__ void __launch_bounds__(block_threads, 2)
    count_kernel(const __grid_constant__ GpuRank r) {
  float* stage = gpu::shared<float>();
  float* fixed = stage + stages * Tile::stage_floats;  // 128 biases, 128 pairs of thresholds
  const std::int64_t first_client = std::int64_t(blockIdx.x) * block_clients;
  const int tiles = int(r.padded_items() / block_items);
  const int x = int(threadIdx.x) % 16, y = int(threadIdx.x) / 16, chunks = Tile::chunks(r);
  for (int c = int(threadIdx.x); c < block_clients; c += block_threads) {
    const std::int64_t u = first_client + c < r.clients ? first_client + c : r.clients - 1;
    fixed[c] = r.bias[u];
    fixed[block_clients + 2 * c] = r.threshold[2 * u];
    fixed[block_clients + 2 * c + 1] = r.threshold[2 * u + 1];
  }
  // In shared memory, each thread its own: touched once a tile, while registers are short.
  unsigned* packed = reinterpret_cast<unsigned*>(fixed + 3 * block_clients) + threadIdx.x;
  const Tile part(r, first_client, fixed + 3 * block_clients + side * block_threads);
  __syncthreads();
  // The next stage to copy: one position in the walk ahead of the other.
  int copy_tile = int(blockIdx.y), copy_chunk = 0, copy_slot = 0, slot = 0, since_flush = 0;
  const auto copy_next = [&] {
    if (copy_tile < tiles) part.copy(copy_tile, copy_chunk, stage + copy_slot * Tile::stage_floats);
    gpu::async_commit();
    copy_slot = copy_slot + 1 == stages ? 0 : copy_slot + 1;
    if (++copy_chunk == chunks) {
      copy_chunk = 0;
      copy_tile += int(gridDim.y);
    }
  };
  copy_next();
  copy_next();
  for (int c = 0; c < side; ++c) packed[c * block_threads] = 0;
#pragma unroll 1
  for (int tile = int(blockIdx.y); tile < tiles; tile += int(gridDim.y)) {
    float score[side][side];
#pragma unroll
    for (int c = 0; c < side; ++c)
#pragma unroll
      for (int i = 0; i < side; ++i) score[c][i] = fixed[placed(y, c)];
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; ++chunk) {
      gpu::async_wait<1>();
      // the stage is there for all, and all are done with the one that is overwritten now
      __syncthreads();
      copy_next();
      part.add(chunk, stage + slot * Tile::stage_floats, x, y, score);
      slot = slot + 1 == stages ? 0 : slot + 1;
    }
    const std::int64_t last = r.items - std::int64_t(tile) * block_items;
#pragma unroll
    for (int c = 0; c < side; ++c) {
      const float2 held =
          *reinterpret_cast<const float2*>(fixed + block_clients + 2 * placed(y, c));
      unsigned counts = 0;
#pragma unroll
      for (int i = 0; i < side; ++i)
        if (placed(x, i) < last) counts += compared(score[c][i], held);
      packed[c * block_threads] += counts;
    }
    if (++since_flush == tiles_before_flush) {
      flush(r, first_client, y, packed);
      since_flush = 0;
    }
  }
  flush(r, first_client, y, packed);
  gpu::async_wait<0>();
}

// A stage is 16 k of the clients, then of the items; a thread copies the same 4 columns of every
// fourth k.
class LinearTile {
 public:
  static constexpr int stage_floats = block_depth * (block_clients + block_items);
  static std::int64_t more_floats(const GpuRank&) { return 0; }
  static __device__ int chunks(const GpuRank& r) { return int(r.depth() / block_depth); }
  __device__ LinearTile(const GpuRank& r, std::int64_t first_client, float*) {
    const int column = 4 * (int(threadIdx.x) % 64);
    const bool client = column < block_clients;
    pitch_ = client ? r.padded_clients() : r.padded_items();
    step_ = client ? 0 : block_items;
    from_ = (client ? r.clients_k + first_client + column : r.items_k + column - block_clients) +
            int(threadIdx.x) / 64 * pitch_;
  }
  __device__ void copy(int tile, int chunk, float* stage) const {
    constexpr int copies = stage_floats / 4 / block_threads;
    const float* source =
        from_ + std::int64_t(tile) * step_ + std::int64_t(chunk) * block_depth * pitch_;
#pragma unroll
    for (int c = 0; c < copies; ++c, source += 4 * pitch_)
      gpu::async_copy16(stage + 4 * (int(threadIdx.x) + c * block_threads), source);
  }
  static __device__ void add(int, const float* stage, int x, int y, float (&score)[side][side]) {
#pragma unroll 2  // 4 or more spill on sm_80
    for (int k = 0; k < block_depth; ++k) {
      float client[side], item[side];
      load8(stage + k * (block_clients + block_items), y, client);
      load8(stage + k * (block_clients + block_items) + block_clients, x, item);
#pragma unroll
      for (int c = 0; c < side; ++c)
#pragma unroll
        for (int i = 0; i < side; ++i) score[c][i] = fmaf(client[c], item[i], score[c][i]);
    }
  }

 private:
  const float* from_;
  std::int64_t pitch_;
  int step_;  // from one tile to the next
};

template <class Tile>
void launch_tiles(const GpuRank& r, int splits, const gpu::Stream& stream) {
  const std::size_t floats = std::size_t(stages * Tile::stage_floats + 3 * block_clients +
                                         side * block_threads + Tile::more_floats(r));
  gpu::launch(count_kernel<Tile>,
              dim3{unsigned(r.padded_clients() / block_clients), unsigned(splits), 1},
              unsigned(block_threads), floats * sizeof(float), stream, r);
}

}  // namespace
}  // namespace fedfuse::rank
