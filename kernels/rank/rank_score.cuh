#pragma once
// One score at a time, and what is done with lists of items: thresholds, corrections, sampled candidates. A score here goes through the operations of
// the tile kernels in their order, so that it has their bits.
#include "core/gpu/intrinsics.hpp"
#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse::rank {
namespace {

// theta of the client.
__device__ inline const float* theta_of(const GpuRank& r, std::int64_t u) { return r.theta + u * r.theta_stride; }

// Where id stands among ids[begin] .. ids[end - 1]; -1: nowhere.
__device__ inline std::int64_t find(const std::int32_t* ids, std::int64_t begin, std::int64_t end, std::int32_t id) {
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
  return unsigned(score > held.x) | unsigned(score == held.x) << 8 | unsigned(score > held.y) << 16 | unsigned(score == held.y) << 24;
}
__device__ inline void count(const GpuRank& r, std::int64_t u, float score, int sign) {
  const unsigned counts = compared(score, {r.threshold[2 * u], r.threshold[2 * u + 1]});
  for (int w = 0; w < 4; ++w)
    if ((counts >> (8 * w) & 1u) != 0) atomicAdd(r.count + 4 * u + w, sign);
}

// Score: `shared` scores item i with its shared row, `own` with own row number o.
template <class Score>
__device__ inline float score_of(const GpuRank& r, std::int64_t u, std::int32_t id) {
  const std::int64_t own = find(r.own, u, id);
  return own >= 0 ? Score::own(r, u, id, own) : Score::shared(r, u, id);
}

template <class Score>
__global__ void threshold_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x, u = at / 2;
  if (u < r.clients) r.threshold[at] = score_of<Score>(r, u, r.held[at] < 0 ? 0 : r.held[at]);
}

// A block a client: takes back what was counted of items that are no candidates or have a row of their own, and counts the latter anew.
template <class Score>
__global__ void correct_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = blockIdx.x, tid = threadIdx.x, threads = blockDim.x;
  for (std::int64_t o = r.own.begin[u] + tid; o < r.own.begin[u + 1]; o += threads) {
    const std::int32_t id = r.own.ids[o];
    count(r, u, Score::shared(r, u, id), -1);
    if (!dropped(r, u, id)) count(r, u, Score::own(r, u, id, o), 1);
  }
  for (std::int64_t o = r.dropped.begin[u] + tid; o < r.dropped.begin[u + 1]; o += threads)
    if (find(r.own, u, r.dropped.ids[o]) < 0) count(r, u, Score::shared(r, u, r.dropped.ids[o]), -1);
  for (std::int64_t o = tid; o < r.excluded_count; o += threads)
    if (const std::int32_t id = r.excluded[o]; find(r.own, u, id) < 0 && find(r.dropped, u, id) < 0) count(r, u, Score::shared(r, u, id), -1);
}

// A block a client: its listed candidates.
template <class Score>
__global__ void listed_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = blockIdx.x;
  for (std::int64_t o = r.listed.begin[u] + threadIdx.x; o < r.listed.begin[u + 1]; o += blockDim.x)
    count(r, u, score_of<Score>(r, u, r.listed.ids[o]), 1);
}

// Thresholds, then the counts: of the list, or `tiles` over all items and what corrects them.
template <class Score, class Tiles>
void count_with(const GpuRank& r, const gpu::Stream& stream, const Tiles& tiles) {
  constexpr unsigned threads = 256, of_list = 64;
  const dim3 clients{unsigned(r.clients), 1, 1};
  gpu::launch(threshold_kernel<Score>, dim3{unsigned((2 * r.clients + threads - 1) / threads), 1, 1}, threads, 0, stream, r);
  if (r.sampled) return gpu::launch(listed_kernel<Score>, clients, of_list, 0, stream, r);
  tiles();
  gpu::launch(correct_kernel<Score>, clients, of_list, 0, stream, r);
}

}  // namespace
}  // namespace fedfuse::rank
