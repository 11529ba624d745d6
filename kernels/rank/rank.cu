// Linear heads: s_ui = b_u + g_u . f_i, one chain of fused multiply-adds over k. In a tile
// (rank_tile.cuh) 4 loads of 16 bytes feed 64 multiply-adds.
#include "kernels/rank/rank_tile.cuh"

namespace fedfuse::rank {
namespace {

constexpr int transposing = 256;
constexpr std::size_t transposing_bytes = 32 * 33 * sizeof(float);

// items_k[p d + k][i] = F_p[i][width - d + k]: 32 x 32 numbers at a time through shared memory, so
// that both sides are met in whole lines.
__global__ void transpose_kernel(const __grid_constant__ GpuRank r) {
  float* tile = gpu::shared<float>();  // 32 x 33
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32,
            d = r.head.d;
  const std::int64_t first_item = std::int64_t(blockIdx.x) * 32;
  const int first_k = int(blockIdx.y) * 32, k = first_k + lane;
  const float* plane = k < r.planes * d ? r.view[k / d] + r.width - d + k % d : nullptr;
  for (int i = row; i < 32; i += rows)
    tile[lane * 33 + i] =
        plane != nullptr && first_item + i < r.items ? plane[(first_item + i) * r.width] : 0.0f;
  __syncthreads();
  for (int j = row; j < 32; j += rows)
    if (first_k + j < r.depth())
      r.items_k[(first_k + j) * r.padded_items() + first_item + lane] = tile[j * 33 + lane];
}

// clients_k[p d + k][u] = g_u = omega_up w_u[k], in the same way; and b_u. For neumf w_u[k] is its
// weight times the user's number.
__global__ void clients_kernel(const __grid_constant__ GpuRank r) {
  float* tile = gpu::shared<float>();  // 32 x 33
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32,
            d = r.head.d;
  const std::int64_t first_client = std::int64_t(blockIdx.x) * 32;
  const int first_k = int(blockIdx.y) * 32, k = first_k + lane;
  for (int c = row; c < 32; c += rows) {
    const std::int64_t u = first_client + c;
    const bool real = u < r.clients && k < r.planes * d;
    tile[lane * 33 + c] = real ? r.omega[u * r.planes + k / d] * linear_weight(r, u, k % d) : 0.0f;
    if (lane == 0 && blockIdx.y == 0 && u < r.clients) r.bias[u] = theta_of(r, u)[r.head.last_b];
  }
  __syncthreads();
  for (int j = row; j < 32; j += rows)
    if (first_k + j < r.depth())
      r.clients_k[(first_k + j) * r.padded_clients() + first_client + lane] = tile[j * 33 + lane];
}

struct LinearScore {
  const GpuRank& r;
  explicit __device__ LinearScore(const GpuRank& rank) : r(rank) {}
  static std::size_t shared_floats(const GpuRank&) { return 0; }
  __device__ float operator()(std::int64_t u, std::int64_t i, std::int64_t own) const {
    return own < 0 ? add_shared(r, u, i, r.bias[u]) : add_own(r, u, i, own, r.bias[u]);
  }
};

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
  __device__ void add(int, const float* stage, int x, int y, float (&score)[side][side]) const {
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

}  // namespace

template <>
void prepare_linear<gpu::Platform>(const GpuRank& r, const gpu::Stream& stream) {
  gpu::launch(transpose_kernel,
              dim3{unsigned(r.padded_items() / 32), unsigned((r.depth() + 31) / 32), 1},
              transposing, transposing_bytes, stream, r);
}

template <>
void weigh_clients<gpu::Platform>(const GpuRank& r, const gpu::Stream& stream) {
  gpu::launch(clients_kernel,
              dim3{unsigned(r.padded_clients() / 32), unsigned((r.depth() + 31) / 32), 1},
              transposing, transposing_bytes, stream, r);
}

template <>
void count_linear<gpu::Platform>(const GpuRank& r, int splits, const gpu::Stream& stream) {
  weigh_clients<gpu::Platform>(r, stream);
  count_with<LinearScore>(r, stream, [&] { launch_tiles<LinearTile>(r, splits, stream); });
}

}  // namespace fedfuse::rank
