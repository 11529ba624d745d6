// Linear heads: s_ui = b_u + g_u . f_i, one chain of fused multiply-adds over k. In a tile
// (rank_tile.cuh) 4 loads of 16 bytes feed 64 multiply-adds.
#include "kernels/rank/rank_tile.cuh"

namespace fedfuse::rank {
namespace {

constexpr int transposing = 256;
constexpr std::size_t transposing_bytes = 32 * 33 * sizeof(float);

// items_k[p d + k][i] = F_p[i][width - d + k], then the prior's columns: 32 x 32 numbers at a time
// through shared memory, so that both sides are met in whole lines.
__global__ void transpose_kernel(const __grid_constant__ GpuRank r) {
  float* tile = gpu::shared<float>();  // 32 x 33
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32,
            d = r.head.d;
  const std::int64_t first_item = std::int64_t(blockIdx.x) * 32;
  const int first_k = int(blockIdx.y) * 32, k = first_k + lane;
  const int l = k - r.linear_columns(), stride = l < 0 ? r.width : r.prior_groups;
  const float* column = l < 0                ? r.view[k / d] + r.width - d + k % d
                        : l < r.prior_groups ? r.prior + l
                                             : nullptr;
  for (int i = row; i < 32; i += rows)
    tile[lane * 33 + i] =
        column != nullptr && first_item + i < r.items ? column[(first_item + i) * stride] : 0.0f;
  __syncthreads();
  for (int j = row; j < 32; j += rows)
    if (first_k + j < r.depth())
      r.items_k[(first_k + j) * r.padded_items() + first_item + lane] = tile[j * 33 + lane];
}

// clients_k[p d + k][u] = g_u = omega_up w_u[k], then shares, in the same way; and b_u. For neumf
// w_u[k] is its weight times the user's number.
__global__ void clients_kernel(const __grid_constant__ GpuRank r) {
  float* tile = gpu::shared<float>();  // 32 x 33
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32,
            d = r.head.d;
  const std::int64_t first_client = std::int64_t(blockIdx.x) * 32;
  const int first_k = int(blockIdx.y) * 32, k = first_k + lane;
  const int l = k - r.linear_columns();
  for (int c = row; c < 32; c += rows) {
    const std::int64_t u = first_client + c;
    const bool real = u < r.clients && k < r.columns();
    tile[lane * 33 + c] = !real   ? 0.0f
                          : l < 0 ? r.omega[u * r.planes + k / d] * linear_weight(r, u, k % d)
                                  : r.shares[u * r.prior_groups + l];
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
