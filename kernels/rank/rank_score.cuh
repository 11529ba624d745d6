#pragma once
// One score at a time, and what is done with lists of items: thresholds, corrections, sampled
// candidates. A score here goes through the operations of the tile kernels in their order, so that
// it has their bits.
#include "core/gpu/intrinsics.hpp"
#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse::rank {
namespace {

// theta of the client.
__device__ inline const float* theta_of(const GpuRank& r, std::int64_t u) {
  return r.theta + u * r.theta_stride;
}

// Weight k of the linear part.
__device__ inline float linear_weight(const GpuRank& r, std::int64_t u, int k) {
  const HeadLayout& h = r.head;
  const float w = theta_of(r, u)[h.last_w + h.last_width - h.d + k];
  return h.linear_user >= 0 ? w * r.user[u * h.user + h.linear_user + k] : w;
}

// Columns first .. of the tables, added to the sum of item i: one chain.
__device__ inline float add_columns(const GpuRank& r, std::int64_t u, std::int64_t i, int first,
                                    float sum) {
  for (int k = first; k < r.columns(); ++k)
    sum = fmaf(r.clients_k[k * r.padded_clients() + u], r.items_k[k * r.padded_items() + i], sum);
  return sum;
}

// The linear part of the score of item i, added to sum: one chain over the planes, then the prior;
// with own row number o, z first, then the head.
__device__ inline float add_shared(const GpuRank& r, std::int64_t u, std::int64_t i, float sum) {
  return add_columns(r, u, i, 0, sum);
}
__device__ inline float add_own(const GpuRank& r, std::int64_t u, std::int64_t i, std::int64_t o,
                                float sum) {
  const int d = r.head.d;
  for (int k = 0; k < d; ++k) {
    float z = r.own_rows[o * r.width + r.width - d + k];
    for (int p = 0; p < r.views && r.rows_add; ++p)
      z = fmaf(r.omega[u * r.planes + p], r.items_k[(p * d + k) * r.padded_items() + i], z);
    sum = fmaf(linear_weight(r, u, k), z, sum);
  }
  return add_columns(r, u, i, r.linear_columns(), sum);
}

// Where id stands among ids[begin] .. ids[end - 1]; -1: nowhere.
__device__ inline std::int64_t find(const std::int32_t* ids, std::int64_t begin, std::int64_t end,
                                    std::int32_t id) {
  while (begin < end) {
    const std::int64_t middle = (begin + end) / 2;
    if (ids[middle] == id) return middle;
    if (ids[middle] < id)
      begin = middle + 1;
    else
      end = middle;
  }
  return -1;
}
__device__ inline std::int64_t find(const GpuLists& lists, std::int64_t u, std::int32_t id) {
  return find(lists.ids, lists.begin[u], lists.begin[u + 1], id);
}
__device__ inline bool dropped(const GpuRank& r, std::int64_t u, std::int32_t id) {
  return find(r.dropped, u, id) >= 0 || find(r.excluded, 0, r.excluded_count, id) >= 0;
}

// Four bits of counts, 8 bits apart. Comparisons with not-a-number are false.
__device__ inline unsigned compared(float score, const float2& held) {
  return unsigned(score > held.x) | unsigned(score == held.x) << 8 |
         unsigned(score > held.y) << 16 | unsigned(score == held.y) << 24;
}
__device__ inline void count(const GpuRank& r, std::int64_t u, float score, int sign) {
  const unsigned counts = compared(score, {r.threshold[2 * u], r.threshold[2 * u + 1]});
  for (int w = 0; w < 4; ++w)
    if ((counts >> (8 * w) & 1u) != 0) atomicAdd(r.count + 4 * u + w, sign);
}

// A Score is made by all threads of a block; score(u, i, own) scores item i with own row number
// `own`, or with its shared row (shared_row).
constexpr std::int64_t shared_row = -1;

template <class Score>
__global__ void threshold_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x, u = at / 2;
  const Score score(r);
  if (u >= r.clients) return;
  const std::int32_t item = r.held[at] < 0 ? 0 : r.held[at];
  r.threshold[at] = score(u, item, find(r.own, u, item));
}

// A block a client: takes back what was counted of items that are no candidates or have a row of
// their own, and counts the latter anew.
template <class Score>
__global__ void correct_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = blockIdx.x, tid = threadIdx.x, threads = blockDim.x;
  const Score score(r);
  for (std::int64_t o = r.own.begin[u] + tid; o < r.own.begin[u + 1]; o += threads) {
    const std::int32_t id = r.own.ids[o];
    const int turns = dropped(r, u, id) ? 1 : 2;
    for (int turn = 0; turn < turns; ++turn)
      count(r, u, score(u, id, turn == 0 ? shared_row : o), turn == 0 ? -1 : 1);
  }
  const std::int64_t dropped = r.dropped.begin[u + 1] - r.dropped.begin[u];
  for (std::int64_t o = tid; o < dropped + r.excluded_count; o += threads) {
    const std::int32_t id =
        o < dropped ? r.dropped.ids[r.dropped.begin[u] + o] : r.excluded[o - dropped];
    const bool again = o >= dropped && find(r.dropped, u, id) >= 0;
    if (!again && find(r.own, u, id) < 0) count(r, u, score(u, id, shared_row), -1);
  }
}

// A block a client: its listed candidates.
template <class Score>
__global__ void listed_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = blockIdx.x;
  const Score score(r);
  for (std::int64_t o = r.listed.begin[u] + threadIdx.x; o < r.listed.begin[u + 1]; o += blockDim.x)
    count(r, u, score(u, r.listed.ids[o], find(r.own, u, r.listed.ids[o])), 1);
}

// Thresholds, then the counts: of the list, or `tiles` over all items and what corrects them.
template <class Score, class Tiles>
void count_with(const GpuRank& r, const gpu::Stream& stream, const Tiles& tiles) {
  constexpr unsigned threads = 256, of_list = 64;
  const dim3 clients{unsigned(r.clients), 1, 1};
  const std::size_t bytes = Score::shared_floats(r) * sizeof(float);
  gpu::launch(threshold_kernel<Score>,
              dim3{unsigned((2 * r.clients + threads - 1) / threads), 1, 1}, threads, bytes, stream,
              r);
  if (r.sampled) return gpu::launch(listed_kernel<Score>, clients, of_list, bytes, stream, r);
  tiles();
  gpu::launch(correct_kernel<Score>, clients, of_list, bytes, stream, r);
}

}  // namespace
}  // namespace fedfuse::rank
