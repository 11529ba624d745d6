// Shared neumf heads: s = b + g . f_i + w . x3,  x3 = ReLU(W3 x2 + b3),  x2 = ReLU(W2 x1 + b2),  x1
//   = ReLU(a_u + sum over p of omega_p H_p[i]).
//
// Nothing of the tower can be shared beyond x1's halves, so d^2 / 2 + d^2 / 8 multiply-adds a score
// remain. A thread owns two items of one client and keeps x2 of both in registers: 16 bytes of W2
// from shared memory, the same for the whole warp, feed 8 multiply-adds. A block is 4 clients x 128
// items and walks through 32 clients, so that the items' numbers come from the first cache. Every
// sum has one fixed order.
#include "kernels/rank/rank_half.cuh"
#include "kernels/rank/rank_score.cuh"

namespace fedfuse::rank {
namespace {

constexpr int tower_clients = 32, tower_threads = 256, threads_a_client = 64, items_a_thread = 2;

// The layers in shared memory, for x2 of up to N numbers (d <= 2 N): W2 and W3 input-major; what is
// beyond d is zero.
template <int N>
class Tower {
 public:
  static constexpr int upper = N / 2;  // of x3
  static std::size_t shared_floats(const GpuRank& r) {
    return std::size_t(r.head.d * N + N * upper + N + 2 * upper);
  }
  explicit __device__ Tower(const GpuRank& r) : d_(r.head.d), W2_(gpu::shared<float>()) {
    const HeadLayout& h = r.head;
    float* to = gpu::shared<float>();
    const auto fill = [&](int count, const auto& value) {
      for (int at = int(threadIdx.x); at < count; at += int(blockDim.x)) to[at] = value(at);
      const float* filled = to;
      to += count;
      return filled;
    };
    const int d = h.d, d2 = d / 2, d4 = d / 4;
    fill(d * N, [&](int at) { return at % N < d2 ? r.theta[h.W2 + at % N * d + at / N] : 0.0f; });
    W3_ = fill(N * upper, [&](int at) {
      return at % upper < d4 && at / upper < d2 ? r.theta[h.W3 + at % upper * d2 + at / upper]
                                                : 0.0f;
    });
    b2_ = fill(N, [&](int j) { return j < d2 ? r.theta[h.b2 + j] : 0.0f; });
    b3_ = fill(upper, [&](int j) { return j < d4 ? r.theta[h.b3 + j] : 0.0f; });
    w_ = fill(upper, [&](int j) { return j < d4 ? r.theta[h.last_w + j] : 0.0f; });
    __syncthreads();
  }

  // Adds w . x3 to the scores. first(x), call by call: the numbers of x1 of each item, before their
  // ReLU.
  template <int Items, class First>
  __device__ void add(First&& first, float (&score)[Items]) const {
    float x2[N][Items];
#pragma unroll
    for (int j = 0; j < N; ++j)
#pragma unroll
      for (int i = 0; i < Items; ++i) x2[j][i] = b2_[j];
#pragma unroll 1
    for (int o = 0; o < d_; ++o) {
      float x[Items];
      first(x);
#pragma unroll
      for (int i = 0; i < Items; ++i) x[i] = gpu::max_or_nan(x[i], 0.0f);
#pragma unroll
      for (int j = 0; j < N; j += 4)
        multiply(W2_ + o * N + j, x, x2[j], x2[j + 1], x2[j + 2], x2[j + 3]);
    }
#pragma unroll
    for (int j = 0; j < N; ++j)
#pragma unroll
      for (int i = 0; i < Items; ++i) x2[j][i] = gpu::max_or_nan(x2[j][i], 0.0f);
#pragma unroll 1
    for (int j = 0; j < upper; j += 4) {
      float x3[4][Items];
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < Items; ++i) x3[n][i] = b3_[j + n];
#pragma unroll
      for (int k = 0; k < N; ++k) multiply(W3_ + k * upper + j, x2[k], x3[0], x3[1], x3[2], x3[3]);
#pragma unroll
      for (int n = 0; n < 4; ++n)
#pragma unroll
        for (int i = 0; i < Items; ++i)
          score[i] = fmaf(w_[j + n], gpu::max_or_nan(x3[n][i], 0.0f), score[i]);
    }
  }

 private:
  // Four sums of each item, one step: weights of four outputs, 16 bytes.
  template <int Items>
  static __device__ void multiply(const float* weights, const float (&x)[Items], float (&s0)[Items],
                                  float (&s1)[Items], float (&s2)[Items], float (&s3)[Items]) {
    const float4 w = *reinterpret_cast<const float4*>(weights);
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      s0[i] = fmaf(w.x, x[i], s0[i]);
      s1[i] = fmaf(w.y, x[i], s1[i]);
      s2[i] = fmaf(w.z, x[i], s2[i]);
      s3[i] = fmaf(w.w, x[i], s3[i]);
    }
  }

  int d_;
  const float *W2_, *W3_ = nullptr, *b2_ = nullptr, *b3_ = nullptr, *w_ = nullptr;
};

template <int N>
struct TowerScore {
  const GpuRank& r;
  Tower<N> tower;
  explicit __device__ TowerScore(const GpuRank& rank) : r(rank), tower(rank) {}
  static std::size_t shared_floats(const GpuRank& r) { return Tower<N>::shared_floats(r); }
  __device__ float operator()(std::int64_t u, std::int64_t i, std::int64_t own) const {
    const int planes = own < 0 ? r.planes : (r.rows_add ? r.views : 0);
    float score[1] = {own < 0 ? add_shared(r, u, i, r.bias[u]) : add_own(r, u, i, own, r.bias[u])};
    const float *unit = r.units_k + u, *hidden = r.hidden_k + i,
                *row = r.own_k + (own < 0 ? 0 : own), *omega = r.omega + u * r.planes;
    tower.template add<1>(
        [&](float (&x)[1]) {
          x[0] = *unit;
#pragma unroll 1
          for (int p = 0; p < planes; ++p)
            x[0] = fmaf(omega[p], hidden[p * r.padded_items()], x[0]);
          if (own >= 0) {
            x[0] += *row;
            row += r.padded_own();
          }
          unit += r.padded_clients();
          hidden += r.planes * r.padded_items();
        },
        score);
    return score[0];
  }
};

// Scores of items i and i + 1 (i even) with their shared rows.
template <int N>
__device__ inline void score_pair(const GpuRank& r, const Tower<N>& tower, std::int64_t u,
                                  std::int64_t i, float (&score)[items_a_thread]) {
  score[0] = score[1] = r.bias[u];
  const float *g = r.clients_k + u, *f = r.items_k + i;
#pragma unroll 4
  for (int k = 0; k < r.columns(); ++k, g += r.padded_clients(), f += r.padded_items()) {
    const float2 item = *reinterpret_cast<const float2*>(f);
    score[0] = fmaf(*g, item.x, score[0]);
    score[1] = fmaf(*g, item.y, score[1]);
  }
  const float *unit = r.units_k + u, *hidden = r.hidden_k + i, *omega = r.omega + u * r.planes;
  tower.template add<items_a_thread>(
      [&](float (&x)[items_a_thread]) {
        x[0] = x[1] = *unit;
        unit += r.padded_clients();
#pragma unroll 1
        for (int p = 0; p < r.planes; ++p, hidden += r.padded_items()) {
          const float2 h = *reinterpret_cast<const float2*>(hidden);
          x[0] = fmaf(omega[p], h.x, x[0]);
          x[1] = fmaf(omega[p], h.y, x[1]);
        }
      },
      score);
}

template <int N>
__global__ void __launch_bounds__(tower_threads, N <= 32 ? 2 : 1)
    tower_kernel(const __grid_constant__ GpuRank r) {
  constexpr int together = tower_threads / threads_a_client;
  const Tower<N> tower(r);
  const std::int64_t first_client = std::int64_t(blockIdx.x) * tower_clients,
                     tiles = r.padded_items() / block_items;
  const int pair = items_a_thread * (int(threadIdx.x) % threads_a_client);
  for (std::int64_t tile = blockIdx.y; tile < tiles; tile += gridDim.y)
    for (int c = int(threadIdx.x) / threads_a_client; c < tower_clients; c += together) {
      const std::int64_t u = first_client + c, i = tile * block_items + pair;
      if (u >= r.clients) break;
      float score[items_a_thread];
      score_pair(r, tower, u, i, score);
      const float2 held = {r.threshold[2 * u], r.threshold[2 * u + 1]};
      unsigned counts = (i < r.items ? compared(score[0], held) : 0u) +
                        (i + 1 < r.items ? compared(score[1], held) : 0u);
#pragma unroll
      // at most 64 in 8 bits
      for (int by = 16; by > 0; by /= 2) counts += __shfl_xor_sync(gpu::all_lanes, counts, by);
      if (const int w = int(threadIdx.x) % 32; w < 4)
        if (const int n = int(counts >> (8 * w) & 255u); n > 0) atomicAdd(r.count + 4 * u + w, n);
    }
}

template <int N>
void count_towers(const GpuRank& r, const gpu::Stream& stream) {
  constexpr std::int64_t most_rows = 65535;
  const dim3 blocks{unsigned((r.clients + tower_clients - 1) / tower_clients),
                    unsigned(std::min(r.padded_items() / block_items, most_rows)), 1};
  count_with<TowerScore<N>>(r, stream, [&] {
    gpu::launch(tower_kernel<N>, blocks, unsigned(tower_threads),
                Tower<N>::shared_floats(r) * sizeof(float), stream, r);
  });
}

}  // namespace

template <>
void count_neumf<gpu::Platform>(const GpuRank& r, const gpu::Stream& stream) {
  client_halves(r, 1.0f, stream);
  weigh_clients<gpu::Platform>(r, stream);
  if (r.head.d <= 32) return count_towers<16>(r, stream);
  if (r.head.d <= 64) return count_towers<32>(r, stream);
  return count_towers<64>(r, stream);
}

}  // namespace fedfuse::rank
