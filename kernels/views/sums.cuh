#pragma once
// Sums over items, block by block in one order, and the blocks' exact sum.
#include "core/gpu/block.cuh"
#include "kernels/views/rows.cuh"
#include "kernels/views/views_gpu.hpp"

namespace fedfuse::views {
namespace {

constexpr int slices = block / 32, most_sums = 16;

// gradient[block][at + c] = factor * sum over the block's rows of x[row][c] (times[row][c])
struct ColumnSum {
  const float *x = nullptr, *times = nullptr;
  std::int64_t pitch = 0, at = 0;
  int columns = 0;
  float factor = 1.0f;
};
struct ColumnSums {
  ColumnSum sum[most_sums];
  int count = 0;
  std::int64_t rows = 0, size = 0;  // size: floats of a block's gradient
  float* partial = nullptr;
};

// A block of threads: 32 columns of one block of items; its warps take a slice of the rows each,
// which are added in their order.
__global__ void __launch_bounds__(block)
    column_sums_kernel(const __grid_constant__ ColumnSums all) {
  float* shared = gpu::shared<float>();  // slices x 32
  const ColumnSum& s = all.sum[blockIdx.z];
  const int column = int(blockIdx.x) * 32 + lane(), slice = int(threadIdx.x) / 32;
  if (int(blockIdx.x) * 32 >= s.columns) return;
  constexpr std::int64_t depth = block_items / slices;
  const std::int64_t first = blockIdx.y * block_items + slice * depth, left = all.rows - first,
                     end = first + (left < depth ? left : depth);
  float sum = 0.0f;
  if (column < s.columns) {
    if (s.times == nullptr) {
#pragma unroll 8
      for (std::int64_t row = first; row < end; ++row) sum += s.x[row * s.pitch + column];
    } else {
#pragma unroll 4
      for (std::int64_t row = first; row < end; ++row)
        sum = fmaf(s.x[row * s.pitch + column], s.times[row * s.pitch + column], sum);
    }
  }
  shared[threadIdx.x] = sum;
  __syncthreads();
  if (slice != 0 || column >= s.columns) return;
  float total = 0.0f;
  for (int w = 0; w < slices; ++w) total += shared[32 * w + lane()];
  all.partial[blockIdx.y * all.size + s.at + column] = s.factor * total;
}

// A thread owns a parameter: its blocks are added to its two words. x = high 2^-16 + low 2^-60,
// both rounded to nearest.
__global__ void __launch_bounds__(block)
    add_blocks_kernel(const float* partial, std::int64_t blocks, std::int64_t size,
                      std::int64_t* words, std::int32_t* misfit) {
  bool good = true;
  for (std::int64_t i = thread_of_grid(); i < size; i += threads_of_grid()) {
    std::int64_t high = words[i], low = words[size + i];
#pragma unroll 4
    for (std::int64_t b = 0; b < blocks; ++b) {
      float x = partial[b * size + i];
      if (!(fabsf(x) < part_limit)) {
        good = false;
        x = 0.0f;
      }  // also NaN
      const std::int64_t whole = __double2ll_rn(double(x) * 0x1p16);
      high += whole;
      // the difference is exact, at most 2^-17
      low += __double2ll_rn((double(x) - double(whole) * 0x1p-16) * 0x1p60);
    }
    words[i] = high;
    words[size + i] = low;
  }
  if (!good) atomicOr(misfit, 1);
}

}  // namespace
}  // namespace fedfuse::views
