#include "core/fixed_point.hpp"
#include "core/gpu/block.cuh"
#include "kernels/aggregate/aggregate_gpu.hpp"

namespace fedfuse::aggregate {
namespace {

using gpu::lane;
using Word = unsigned long long;  // two's complement: adding as unsigned is adding as signed
constexpr int block = 256, columns_a_lane = 2, columns_a_pass = 32 * columns_a_lane;

__device__ inline std::int64_t warp_of_grid() { return (std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / 32; }
__device__ inline std::int64_t warps_of_grid() { return std::int64_t(gridDim.x) * blockDim.x / 32; }
__device__ inline bool fits(float x) { return fabsf(x) < float(FixedPoint::limit); }  // false for NaN

__device__ inline std::int64_t fixed_update(float x, double scale, std::int64_t weight) {
  return weight * std::int64_t(__double2ll_rn(double(x) * scale));
}

__device__ inline double scale_of(const GpuUpdates& u, std::int32_t owner) { return u.scale_of == nullptr ? u.scale : u.scale_of[owner]; }

// x, or 0 and `good` false: one who sends what does not fit is marked once, after his row.
__device__ inline float checked(float x, bool& good) {
  if (fits(x)) return x;
  good = false;
  return 0.0f;
}

__global__ void __launch_bounds__(block) atomics_kernel(const __grid_constant__ GpuUpdates u) {
  for (std::int64_t e = warp_of_grid(); e < u.count; e += warps_of_grid()) {
    const std::int32_t row = u.ids[e];
    if (row < 0) continue;
    const std::int64_t weight = u.weight[u.owner[e]];
    const double scale = scale_of(u, u.owner[e]);
    bool good = true;
    for (int k = lane(); k < u.width; k += 32) {
      const float x = checked(u.delta[e * u.width + k], good);
      atomicAdd(reinterpret_cast<Word*>(u.sums) + std::int64_t(row) * u.width + k, Word(fixed_update(x, scale, weight)));
    }
    if (!good) u.misfit[u.owner[e]] = 1;
  }
}

__global__ void __launch_bounds__(block) float_atomics_kernel(const __grid_constant__ GpuUpdates u) {
  for (std::int64_t e = warp_of_grid(); e < u.count; e += warps_of_grid()) {
    const std::int32_t row = u.ids[e];
    if (row < 0) continue;
    const float alpha = float(u.weight[u.owner[e]]) * u.inverse_total;
    bool good = true;
    for (int k = lane(); k < u.width; k += 32)
      atomicAdd(u.float_sums + std::int64_t(row) * u.width + k, alpha * checked(u.delta[e * u.width + k], good));
    if (!good) u.misfit[u.owner[e]] = 1;
  }
}

// Counting sort of the entries by row. The order inside a row is whatever the atomics make it: integers do not mind.
__global__ void __launch_bounds__(block) count_kernel(const __grid_constant__ GpuUpdates u, std::int32_t* counts) {
  for (std::int64_t e = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; e < u.count; e += std::int64_t(gridDim.x) * blockDim.x)
    if (u.ids[e] >= 0) atomicAdd(counts + u.ids[e], std::int32_t(1));
}

// begin[i] = sum of counts before i, begin[rows] = all; counts become 0. One block: rows are few beside updates.
__global__ void __launch_bounds__(1024) scan_kernel(std::int32_t* counts, std::int32_t* begin, std::int64_t rows) {
  std::int32_t* warp_totals = gpu::shared<std::int32_t>();
  std::int32_t before = 0;
  for (std::int64_t first = 0; first < rows; first += blockDim.x) {
    const std::int64_t i = first + threadIdx.x;
    const std::int32_t own = i < rows ? counts[i] : 0;
    std::int32_t total = 0;
    const std::int32_t earlier = gpu::block_scan(own, warp_totals, total);
    if (i < rows) begin[i] = before + earlier, counts[i] = 0;
    before += total;
  }
  if (threadIdx.x == 0) begin[rows] = before;
}

__global__ void __launch_bounds__(block)
    scatter_kernel(const __grid_constant__ GpuUpdates u, std::int32_t* taken, const std::int32_t* begin, std::int32_t* order) {
  for (std::int64_t e = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; e < u.count; e += std::int64_t(gridDim.x) * blockDim.x) {
    const std::int32_t row = u.ids[e];
    if (row >= 0) order[begin[row] + atomicAdd(taken + row, std::int32_t(1))] = std::int32_t(e);
  }
}

constexpr int piece = 64;  // consecutive entries of the order that one warp adds: balanced however popular a row is

__device__ inline void flush(const GpuUpdates& u, std::int32_t row, int first_column, std::int64_t (&sum)[columns_a_lane]) {
#pragma unroll
  for (int c = 0; c < columns_a_lane; ++c) {
    const int k = first_column + c * 32 + lane();
    if (k < u.width && sum[c] != 0) atomicAdd(reinterpret_cast<Word*>(u.sums) + std::int64_t(row) * u.width + k, Word(sum[c]));
    sum[c] = 0;
  }
}

__global__ void __launch_bounds__(block, 4) runs_kernel(const __grid_constant__ GpuUpdates u, const std::int32_t* order, const std::int32_t* total) {
  const std::int64_t count = *total;
  for (std::int64_t first = warp_of_grid() * piece; first < count; first += warps_of_grid() * piece) {
    const std::int64_t end = first + piece < count ? first + piece : count;
    for (int column = 0; column < u.width; column += columns_a_pass) {
      std::int64_t sum[columns_a_lane] = {};
      std::int32_t row = u.ids[order[first]];
      for (std::int64_t at = first; at < end; ++at) {
        const std::int64_t e = order[at];
        const std::int32_t next = u.ids[e];
        if (next != row) flush(u, row, column, sum), row = next;
        const std::int64_t weight = u.weight[u.owner[e]];
        const double scale = scale_of(u, u.owner[e]);
        bool good = true;
#pragma unroll
        for (int c = 0; c < columns_a_lane; ++c) {
          const int k = column + c * 32 + lane();
          if (k < u.width) sum[c] += fixed_update(checked(u.delta[e * u.width + k], good), scale, weight);
        }
        if (!good) u.misfit[u.owner[e]] = 1;
      }
      flush(u, row, column, sum);
    }
  }
}

__global__ void __launch_bounds__(block) clear_kernel(std::int32_t* words, std::int64_t count) {
  for (std::int64_t i = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += std::int64_t(gridDim.x) * blockDim.x) words[i] = 0;
}

// A thread a column and a slice of the clients: every value is read once, neighbours read neighbours, and the sum is met once a slice.
__global__ void __launch_bounds__(block) vectors_kernel(const __grid_constant__ GpuVectors v, std::int64_t slice) {
  const std::int64_t k = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x, first = std::int64_t(blockIdx.y) * slice;
  if (k >= v.width) return;
  const std::int64_t end = first + slice < v.count ? first + slice : v.count;
  std::int64_t sum = 0;
  for (std::int64_t c = first; c < end; ++c) {
    bool good = true;
    sum += fixed_update(checked(v.values[c * v.width + k], good), v.scale, v.weight[c]);
    if (!good) v.misfit[c] = 1;
  }
  if (sum != 0) atomicAdd(reinterpret_cast<Word*>(v.sums) + k, Word(sum));
}

// A block a client: its room of views (begin[c + 1] - begin[c]) entries.
__global__ void __launch_bounds__(block) address_kernel(const __grid_constant__ GpuUploads u, std::int32_t* ids, std::int32_t* owner) {
  for (int c = int(blockIdx.x); c < u.count; c += int(gridDim.x)) {
    const std::int64_t first = u.begin[c], room = u.views * (u.begin[c + 1] - first), slots = u.slots[c];
    for (std::int64_t at = threadIdx.x; at < room; at += blockDim.x) {
      const std::int64_t view = slots == 0 ? u.views : at / slots, e = u.views * first + at;
      const std::int64_t table = view >= u.views ? -1 : u.table == nullptr ? view : view > 0 ? -1 : std::int64_t(u.table[c]);
      ids[e] = table < 0 ? -1 : std::int32_t(table * u.rows + u.items[first + at % slots]);
      owner[e] = c;
    }
  }
}

__global__ void __launch_bounds__(block) fold_kernel(const __grid_constant__ GpuUploads u, float rate, float* delta) {
  for (int c = int(blockIdx.x); c < u.count; c += int(gridDim.x)) {
    const std::int64_t size = std::int64_t(u.slots[c]) * u.width;
    float* rows = delta + u.views * u.begin[c] * u.width;
    for (std::int64_t at = threadIdx.x; at < size; at += blockDim.x) {
      float sum = 0.0f;
      for (int j = 0; j < u.views; ++j) sum -= rate * rows[j * size + at];
      rows[at] = sum;
    }
  }
}

dim3 grid_for(std::int64_t threads) {
  constexpr std::int64_t most = 132 * 16;  // enough to fill any chip; the loops stride over the rest
  const std::int64_t blocks = (threads + block - 1) / block;
  return {unsigned(blocks < 1 ? 1 : blocks < most ? blocks : most), 1, 1};
}

void add_sorted(const GpuUpdates& u, std::int32_t* scratch, const gpu::Stream& stream) {
  std::int32_t *counts = scratch, *begin = counts + u.rows, *order = begin + u.rows + 1;
  gpu::launch(clear_kernel, grid_for(u.rows), block, 0, stream, counts, u.rows);
  gpu::launch(count_kernel, grid_for(u.count), block, 0, stream, u, counts);
  constexpr unsigned scan_threads = 1024;
  gpu::launch(scan_kernel, {1, 1, 1}, scan_threads, scan_threads / 32 * sizeof(std::int32_t), stream, counts, begin, u.rows);
  gpu::launch(scatter_kernel, grid_for(u.count), block, 0, stream, u, counts, static_cast<const std::int32_t*>(begin), order);
  gpu::launch(runs_kernel, grid_for((u.count + piece - 1) / piece * 32), block, 0, stream, u, static_cast<const std::int32_t*>(order),
              static_cast<const std::int32_t*>(begin + u.rows));
}

}  // namespace

template <>
void address_updates<gpu::Platform>(const GpuUploads& u, std::int32_t* ids, std::int32_t* owner, const gpu::Stream& stream) {
  gpu::launch(address_kernel, grid_for(std::int64_t(u.count) * block), block, 0, stream, u, ids, owner);
}
template <>
void fold_views<gpu::Platform>(const GpuUploads& u, float rate, float* delta, const gpu::Stream& stream) {
  gpu::launch(fold_kernel, grid_for(std::int64_t(u.count) * block), block, 0, stream, u, rate, delta);
}
template <>
void add_vectors<gpu::Platform>(const GpuVectors& v, const gpu::Stream& stream) {
  constexpr std::int64_t slices = 256;  // of the clients: enough blocks for any chip, few enough that sums are rarely met
  const std::int64_t slice = (v.count + slices - 1) / slices;
  if (slice == 0 || v.width == 0) return;
  const dim3 grid{unsigned((v.width + block - 1) / block), unsigned((v.count + slice - 1) / slice), 1};
  gpu::launch(vectors_kernel, grid, block, 0, stream, v, slice);
}
template <>
void add_updates<gpu::Platform>(GpuMethod method, const GpuUpdates& u, std::int32_t* scratch, const gpu::Stream& stream) {
  if (u.count == 0) return;
  switch (method) {
    case GpuMethod::atomics:
      return gpu::launch(atomics_kernel, grid_for(u.count * 32), block, 0, stream, u);
    case GpuMethod::float_atomics:
      return gpu::launch(float_atomics_kernel, grid_for(u.count * 32), block, 0, stream, u);
    case GpuMethod::sorted:
      return add_sorted(u, scratch, stream);
  }
}

}  // namespace fedfuse::aggregate
