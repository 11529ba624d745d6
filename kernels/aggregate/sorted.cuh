#pragma once
// The variant `sorted`: a counting sort of the entries by row, then a warp adds 32 entries of the
// sorted order in registers and meets the table once a run of equal rows. Rows stand in `order` as
// blocks come, entries of a row as well: sums are whole numbers and do not mind.
#include "kernels/aggregate/update.cuh"

namespace fedfuse::aggregate {
namespace {

// loads, then atomics, that wait for each other in nothing
constexpr int entries_a_thread = 4, entries_a_block = block * entries_a_thread;
constexpr int rows_a_thread = 4, rows_a_block = block * rows_a_thread;

__global__ void __launch_bounds__(block) clear_kernel(std::int32_t* places, std::int64_t count) {
  for (std::int64_t i = thread_of_grid(); i < count; i += threads_of_grid()) places[i] = 0;
}

// The rows of a thread's entries, a block's width apart; -1 beyond the end.
__device__ inline void load_rows(const GpuUpdates& u, std::int64_t first,
                                 std::int32_t (&row)[entries_a_thread]) {
#pragma unroll
  for (int j = 0; j < entries_a_thread; ++j) {
    const std::int64_t e = first + j * block;
    row[j] = e < u.count ? u.ids[e] : -1;
  }
}

__global__ void __launch_bounds__(block)
    count_kernel(const __grid_constant__ GpuUpdates u, std::int32_t* counts) {
  std::int32_t row[entries_a_thread];
  load_rows(u, std::int64_t(blockIdx.x) * entries_a_block + threadIdx.x, row);
#pragma unroll
  for (int j = 0; j < entries_a_thread; ++j)
    if (row[j] >= 0) atomicAdd(counts + row[j], std::int32_t(1));
}

// A row's count becomes the first of as many places of its own. A block scans its rows and takes a
// range for all of them from `cursor`, which ends as the number of all. Which range a block gets
// depends on the schedule.
__global__ void __launch_bounds__(block)
    scan_kernel(std::int32_t* counts, std::int32_t* cursor, std::int64_t rows) {
  std::int32_t* warp_totals = gpu::shared<std::int32_t>();
  std::int32_t* base = warp_totals + gpu::warp_lanes;
  const std::int64_t first = std::int64_t(blockIdx.x) * rows_a_block + threadIdx.x * rows_a_thread;
  std::int32_t count[rows_a_thread], own = 0, total = 0;
#pragma unroll
  for (int j = 0; j < rows_a_thread; ++j)
    own += count[j] = first + j < rows ? counts[first + j] : 0;
  const std::int32_t earlier = gpu::block_scan(own, warp_totals, total);
  if (threadIdx.x == 0) *base = atomicAdd(cursor, total);
  __syncthreads();
  std::int32_t place = *base + earlier;
#pragma unroll
  for (int j = 0; j < rows_a_thread; place += count[j++])
    if (first + j < rows) counts[first + j] = place;
}

// Every entry to the next place of its row.
__global__ void __launch_bounds__(block) scatter_kernel(const __grid_constant__ GpuUpdates u,
                                                        std::int32_t* places, std::int32_t* order) {
  const std::int64_t first = std::int64_t(blockIdx.x) * entries_a_block + threadIdx.x;
  std::int32_t row[entries_a_thread], place[entries_a_thread];
  load_rows(u, first, row);
#pragma unroll
  for (int j = 0; j < entries_a_thread; ++j)
    place[j] = row[j] >= 0 ? atomicAdd(places + row[j], std::int32_t(1)) : -1;
#pragma unroll
  for (int j = 0; j < entries_a_thread; ++j)
    if (place[j] >= 0) order[place[j]] = std::int32_t(first + j * block);
}

// entries of the order that one warp adds, however popular a row is
constexpr int piece = 32;
// of them, whose deltas are on their way at once: 2 kB a warp
constexpr int group = 8;
// 32 apart: loads and atomics of a warp are whole lines
constexpr int columns_a_lane = 2, columns_a_pass = 32 * columns_a_lane;
using Values = float[group][columns_a_lane];

// What each lane found out about its entry, for all lanes of the warp: loads that all lanes share,
// and no shuffles under conditions.
struct alignas(16) Facts {
  Word weight;
  float scale;
  std::int32_t row;
};
struct Piece {
  const float* delta[piece];
  Facts facts[piece];
  std::int32_t owner[piece];
};

// Beyond the end stands the last entry once more, with weight 0, so that the walk has no bounds. A
// bit of the result: the run ends there.
__device__ inline unsigned gather(const GpuUpdates& u, const std::int32_t* order, std::int64_t at,
                                  std::int64_t count, Piece& to) {
  const std::int32_t e = order[at < count ? at : count - 1], row = u.ids[e], owner = u.owner[e];
  to.delta[lane()] = u.delta + std::int64_t(e) * u.width;
  to.facts[lane()] = {at < count ? Word(u.weight[owner]) : 0, scale_of(u, owner), row};
  to.owner[lane()] = owner;
  __syncwarp();
  const std::int32_t next = __shfl_down_sync(all_lanes, row, 1);
  return __ballot_sync(all_lanes, lane() == piece - 1 || row != next);
}

// Rare: values that do not fit count as 0 and mark their client.
__device__ inline void refuse(const GpuUpdates& u, const std::int32_t* owner, Values& x) {
#pragma unroll
  for (int j = 0; j < group; ++j) {
    float worst = 0.0f;
#pragma unroll
    for (float& value : x[j]) value = checked(value, u.limit, worst);
    if (worst != 0.0f) mark(u.misfit + owner[j], worst);
  }
}

__device__ inline void flush(const GpuUpdates& u, std::int32_t row, int column,
                             Word (&sum)[columns_a_lane]) {
  Word* to = reinterpret_cast<Word*>(u.sums) + std::int64_t(row) * u.width + column;
#pragma unroll
  for (int c = 0; c < columns_a_lane; ++c) {
    if (column + c * 32 < u.width && sum[c] != 0) atomicAdd(to + c * 32, sum[c]);
    sum[c] = 0;
  }
}

// Runs that cross pieces meet in the table.
__global__ void __launch_bounds__(block, 4)
    runs_kernel(const __grid_constant__ GpuUpdates u, const std::int32_t* order,
                const std::int32_t* total) {
  Piece& own = gpu::shared<Piece>()[gpu::warp()];
  const std::int64_t first = warp_of_grid() * piece, count = *total;
  if (first >= count) return;  // the whole warp
  const unsigned ends = gather(u, order, first + lane(), count, own);
  for (int column = lane(); column - lane() < u.width; column += columns_a_pass) {
    int k[columns_a_lane];  // beyond the width: the last column once more, which goes nowhere
#pragma unroll
    for (int c = 0; c < columns_a_lane; ++c)
      k[c] = column + c * 32 < u.width ? column + c * 32 : u.width - 1;
    Word sum[columns_a_lane] = {};
    for (int i = 0; i < piece; i += group) {
      Values x;
      float largest = 0.0f;
#pragma unroll
      for (int j = 0; j < group; ++j)
#pragma unroll
        for (int c = 0; c < columns_a_lane; ++c) x[j][c] = gpu::load_once(own.delta[i + j] + k[c]);
#pragma unroll
      for (int j = 0; j < group; ++j)
#pragma unroll
        for (const float value : x[j]) largest = gpu::max_or_nan(largest, fabsf(value));
      if (!fits(largest, u.limit)) refuse(u, own.owner + i, x);
#pragma unroll
      for (int j = 0; j < group; ++j) {
        const Facts facts = own.facts[i + j];
#pragma unroll
        for (int c = 0; c < columns_a_lane; ++c)
          sum[c] += fixed_update(x[j][c], facts.scale, facts.weight);
        if ((ends >> (i + j) & 1) != 0) flush(u, facts.row, column, sum);
      }
    }
  }
}

// scratch: the rows' counts, later their next places, and behind them the cursor; then the order.
void add_sorted(const GpuUpdates& u, std::int32_t* scratch, const gpu::Stream& stream) {
  std::int32_t *places = scratch, *cursor = places + u.rows, *order = cursor + 1;
  gpu::launch(clear_kernel, grid_for(u.rows + 1), block, 0, stream, places, u.rows + 1);
  gpu::launch(count_kernel, grid_of(u.count, entries_a_block), block, 0, stream, u, places);
  constexpr std::size_t scan_words = gpu::warp_lanes + 1;
  gpu::launch(scan_kernel, grid_of(u.rows, rows_a_block), block, scan_words * sizeof(std::int32_t),
              stream, places, cursor, u.rows);
  gpu::launch(scatter_kernel, grid_of(u.count, entries_a_block), block, 0, stream, u, places,
              order);
  gpu::launch(runs_kernel, grid_of(u.count, piece * block / 32), block, block / 32 * sizeof(Piece),
              stream, u, static_cast<const std::int32_t*>(order),
              static_cast<const std::int32_t*>(cursor));
}

}  // namespace
}  // namespace fedfuse::aggregate
