// Shared mlp heads: the item half of the first layer once for all clients (R2), then tiles of
// scores (rank_tile.cuh).
//
//   one plane   s = (b + w . a) + sum over o of w[o] max(H[i, o], -a[o])   2 instructions a unit
//   J planes, omega_u   s = b + sum over o of w[o] max(a[o] + sum over p of omega_p H_p[i, o], 0)
//                       J + 2
//
// The maximum hands on what is not a number. The form with one plane takes its maximum where the
// other form adds: a maximum and a multiply-add go through different units of a multiprocessor. A
// unit that is off adds w a and takes it back: the same numbers for every item, so items tie as
// before.
#include "kernels/rank/rank_half.cuh"
#include "kernels/rank/rank_tile.cuh"

namespace fedfuse::rank {
namespace {

// bias_u: what a score starts with.
__global__ void bias_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (u >= r.clients) return;
  float sum = r.theta[r.head.last_b];
  for (int o = 0; o < r.head.d && r.planes == 1; ++o)
    sum = fmaf(-r.theta[r.head.last_w + o], r.units_k[o * r.padded_clients() + u], sum);
  r.bias[u] = sum;
}

struct MlpScore {
  const GpuRank& r;
  explicit __device__ MlpScore(const GpuRank& rank) : r(rank) {}
  static std::size_t shared_floats(const GpuRank&) { return 0; }
  __device__ float operator()(std::int64_t u, std::int64_t i, std::int64_t own) const {
    const bool has_own = own >= 0;
    const int planes = !has_own ? r.planes : (r.rows_add ? r.views : 0);
    const float* omega = r.omega + u * r.planes;
    float sum = r.bias[u];
    for (int o = 0; o < r.head.d; ++o) {
      const float* hidden = r.hidden_k + std::int64_t(o) * r.planes * r.padded_items() + i;
      const float a = r.units_k[o * r.padded_clients() + u],
                  row = has_own ? r.own_k[o * r.padded_own() + own] : 0.0f;
      float x;
      if (r.planes == 1) {
        x = planes == 0 ? row : hidden[0];
        if (has_own && planes != 0) x += row;
        x = gpu::max_or_nan(x, a);
      } else {
        x = a;
        for (int p = 0; p < planes; ++p) x = fmaf(omega[p], hidden[p * r.padded_items()], x);
        if (has_own) x += row;
        x = gpu::max_or_nan(x, 0.0f);
      }
      sum = fmaf(r.theta[r.head.last_w + o], x, sum);
    }
    return add_columns(r, u, i, 0, sum);
  }
};

// A stage is some units of the items, each with its planes, then the same units of the clients:
// rows of 128 numbers, 8 rows at a time.
template <int Planes, int Unrolled = Planes == 1 ? 2 : 1>  // more spill
class MlpTile {
 public:
  static constexpr int units = Planes == 1 ? 16 : 8, rows_at_once = block_threads / 32;
  static constexpr int stage_floats = units * (Planes + 1) * block_items;
  static std::int64_t more_floats(const GpuRank& r) { return r.units() + 4 * block_clients; }
  static __device__ int chunks(const GpuRank& r) { return int(r.units() / units); }
  // more: w, then omega of every client, 4 numbers each.
  __device__ MlpTile(const GpuRank& r, std::int64_t first_client, float* more)
      : weights_(more), omega_(more + r.units()) {
    for (int o = int(threadIdx.x); o < r.units(); o += block_threads)
      more[o] = o < r.head.d ? r.theta[r.head.last_w + o] : 0.0f;
    for (int at = int(threadIdx.x); at < 4 * block_clients; at += block_threads) {
      const std::int64_t u = first_client + at / 4;
      more[r.units() + at] = at % 4 < Planes && u < r.clients ? r.omega[u * Planes + at % 4] : 0.0f;
    }
    const int row = int(threadIdx.x) / 32, column = 4 * (int(threadIdx.x) % 32);
    item_pitch_ = r.padded_items(), client_pitch_ = r.padded_clients();
    items_ = r.hidden_k + row * item_pitch_ + column,
    clients_ = r.units_k + row * client_pitch_ + first_client + column;
  }
  __device__ void copy(int tile, int chunk, float* stage) const {
    constexpr int items = units * Planes / rows_at_once, all = units * (Planes + 1) / rows_at_once;
    const float* item = items_ + std::int64_t(tile) * block_items +
                        std::int64_t(chunk) * units * Planes * item_pitch_;
    const float* client = clients_ + std::int64_t(chunk) * units * client_pitch_;
    float* to = stage + 4 * int(threadIdx.x);
#pragma unroll
    for (int c = 0; c < items; ++c)
      gpu::async_copy16(to + c * rows_at_once * block_items, item + c * rows_at_once * item_pitch_);
#pragma unroll
    for (int c = items; c < all; ++c)
      gpu::async_copy16(to + c * rows_at_once * block_items,
                        client + (c - items) * rows_at_once * client_pitch_);
  }
  __device__ void add(int chunk, const float* stage, int x, int y,
                      float (&score)[side][side]) const {
    const float* a = stage + units * Planes * block_items;
#pragma unroll(Unrolled)
    for (int o = 0; o < units; ++o, stage += Planes * block_items, a += block_clients)
      unit(weights_[chunk * units + o], stage, a, x, y, score);
  }

 private:
  __device__ void unit(float w, const float* hidden, const float* clients, int x, int y,
                       float (&score)[side][side]) const {
    float a[side], h[Planes][side];
    load8(clients, y, a);
#pragma unroll
    for (int p = 0; p < Planes; ++p) load8(hidden + p * block_items, x, h[p]);
#pragma unroll
    for (int c = 0; c < side; ++c) {
      float omega[4] = {};
      if constexpr (Planes > 1) {
        const float4 all = *reinterpret_cast<const float4*>(omega_ + 4 * placed(y, c));
        omega[0] = all.x, omega[1] = all.y, omega[2] = all.z, omega[3] = all.w;
      }
#pragma unroll
      for (int i = 0; i < side; ++i) {
        float unit = Planes == 1 ? h[0][i] : a[c];
#pragma unroll
        for (int p = 0; p < Planes && Planes > 1; ++p) unit = fmaf(omega[p], h[p][i], unit);
        score[c][i] = fmaf(w, gpu::max_or_nan(unit, Planes == 1 ? a[c] : 0.0f), score[c][i]);
      }
    }
  }

  const float *weights_, *omega_;  // in shared memory
  const float *items_, *clients_;
  std::int64_t item_pitch_, client_pitch_;
};

// All units, then the chain of the prior. The chain's addresses are made anew for each stage: the
// kernel has no register left for them.
template <class Units>
class ThenPrior {
 public:
  static constexpr int stage_floats = Units::stage_floats > LinearTile::stage_floats
                                          ? Units::stage_floats
                                          : LinearTile::stage_floats;
  static std::int64_t more_floats(const GpuRank& r) { return Units::more_floats(r); }
  static __device__ int chunks(const GpuRank& r) {
    return Units::chunks(r) + LinearTile::chunks(r);
  }
  __device__ ThenPrior(const GpuRank& r, std::int64_t first_client, float* more)
      : r_(r), units_(r, first_client, more) {}
  __device__ void copy(int tile, int chunk, float* stage) const {
    const int of_prior = chunk - Units::chunks(r_);
    if (of_prior < 0) return units_.copy(tile, chunk, stage);
    const std::int64_t first_client = std::int64_t(blockIdx.x) * block_clients;
    LinearTile(r_, first_client, nullptr).copy(tile, of_prior, stage);
  }
  __device__ void add(int chunk, const float* stage, int x, int y,
                      float (&score)[side][side]) const {
    if (chunk < Units::chunks(r_)) return units_.add(chunk, stage, x, y, score);
    LinearTile::add(chunk, stage, x, y, score);
  }

 private:
  const GpuRank& r_;
  Units units_;
};

template <int Planes>
void launch_mlp(const GpuRank& r, int splits, const gpu::Stream& stream) {
  if (r.prior_groups == 0) return launch_tiles<MlpTile<Planes>>(r, splits, stream);
  launch_tiles<ThenPrior<MlpTile<Planes, 1>>>(r, splits, stream);
}

}  // namespace

template <>
void prepare_hidden<gpu::Platform>(const GpuRank& r, const gpu::Stream& stream) {
  item_halves(r, stream);
}

template <>
void count_mlp<gpu::Platform>(const GpuRank& r, int splits, const gpu::Stream& stream) {
  constexpr unsigned threads = 128;
  client_halves(r, r.planes == 1 ? -1.0f : 1.0f, stream);
  if (r.prior_groups > 0) weigh_clients<gpu::Platform>(r, stream);
  gpu::launch(bias_kernel, dim3{unsigned((r.clients + threads - 1) / threads), 1, 1}, threads, 0,
              stream, r);
  count_with<MlpScore>(r, stream, [&] {
    switch (r.planes) {
      case 1:
        return launch_mlp<1>(r, splits, stream);
      case 2:
        return launch_mlp<2>(r, splits, stream);
      case 3:
        return launch_mlp<3>(r, splits, stream);
      default:
        return launch_mlp<most_hidden_planes>(r, splits, stream);
    }
  });
}

}  // namespace fedfuse::rank
