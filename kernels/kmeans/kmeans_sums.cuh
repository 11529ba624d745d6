#pragma once
// The sums of a Lloyd step over one tile whose groups are known: a counting sort of the tile's
// points by group, then runs of equal groups.
#include "core/gpu/block.cuh"
#include "kernels/kmeans/kmeans_gpu.hpp"

namespace fedfuse::kmeans {
namespace {

using Word = unsigned long long;  // two's complement: adding as unsigned is adding as signed

struct alignas(16) Pair {
  double first, second;
};

__device__ inline void add(std::int64_t* to, long long value) {
  atomicAdd(reinterpret_cast<Word*>(to), Word(value));
}

// Of a step, in shared memory once the stages are done with.
struct Sorting {
  // tile points (group -1: none there), tile points, groups, groups, 32
  std::int32_t *group, *order, *begin, *taken, *totals;
  __device__ Sorting(unsigned char* shared, const GpuPlan& plan, int groups)
      : group(reinterpret_cast<std::int32_t*>(shared)),
        order(group + plan.tile_points()),
        begin(order + plan.tile_points()),
        taken(begin + groups),
        totals(taken + groups) {}
  static int bytes(const GpuPlan& plan, int groups) {
    return int(sizeof(std::int32_t)) * (2 * plan.tile_points() + 2 * groups + 32);
  }
};

// order: the tile's points by group, in whatever order the atomics make inside one; integers do not
// mind. Returns how many there are.
__device__ inline int sort_by_group(const GpuPoints<double>& p, const Sorting& sorting) {
  const int tid = int(threadIdx.x);
  for (int g = tid; g < p.groups; g += gpu_threads) sorting.taken[g] = 0;
  __syncthreads();  // and the tile's groups are there
  for (int at = tid; at < p.plan.tile_points(); at += gpu_threads)
    if (sorting.group[at] >= 0) atomicAdd(sorting.taken + sorting.group[at], std::int32_t(1));
  __syncthreads();
  std::int32_t before = 0;
  for (int first = 0; first < p.groups; first += gpu_threads) {
    const int g = first + tid;
    const std::int32_t own = g < p.groups ? sorting.taken[g] : 0;
    std::int32_t total = 0;
    const std::int32_t earlier = gpu::block_scan(own, sorting.totals, total);
    if (g < p.groups) {
      sorting.begin[g] = before + earlier;
      sorting.taken[g] = 0;
      if (own > 0) add(p.sizes + g, own);
    }
    before += total;
  }
  __syncthreads();
  for (int at = tid; at < p.plan.tile_points(); at += gpu_threads)
    if (const std::int32_t g = sorting.group[at]; g >= 0)
      sorting.order[sorting.begin[g] + atomicAdd(sorting.taken + g, std::int32_t(1))] = at;
  __syncthreads();
  return before;
}

// `lanes` threads, two columns each, walk through a piece of the order and meet the sums once a run
// of equal groups.
__device__ inline void add_runs(const GpuPoints<double>& p, std::int64_t first,
                                const Sorting& sorting, int points) {
  constexpr int ahead = 4;
  int lanes = 8;
  while (lanes < 32 && 2 * lanes < p.stride) lanes *= 2;
  const int walkers = gpu_threads / lanes, walker = int(threadIdx.x) / lanes,
            own = int(threadIdx.x) % lanes;
  const int piece = (points + walkers - 1) / walkers, begin = walker * piece,
            end = begin + piece < points ? begin + piece : points;
  for (std::int64_t column = 2 * own; column < p.stride && begin < end; column += 2 * lanes) {
    const double* from = p.points + first * p.stride + column;
    long long sum[2] = {0, 0};
    std::int32_t current = sorting.group[sorting.order[begin]];
    const auto flush = [&] {
      for (int c = 0; c < 2; ++c) {
        if (column + c < p.columns && sum[c] != 0)
          add(p.sums + current * p.columns + column + c, sum[c]);
        sum[c] = 0;
      }
    };
    for (int at = begin; at < end; at += ahead) {
      Pair z[ahead];
      std::int32_t group[ahead];
#pragma unroll
      for (int k = 0; k < ahead; ++k) {
        const int point = sorting.order[at + k < end ? at + k : end - 1];
        group[k] = sorting.group[point];
        z[k] = *reinterpret_cast<const Pair*>(from + point * p.stride);
      }
#pragma unroll
      for (int k = 0; k < ahead; ++k) {
        if (at + k >= end) break;
        if (group[k] != current) {
          flush();
          current = group[k];
        }
        sum[0] += __double2ll_rn(z[k].first * p.scale);
        sum[1] += __double2ll_rn(z[k].second * p.scale);
      }
    }
    flush();
  }
}

}  // namespace
}  // namespace fedfuse::kmeans
