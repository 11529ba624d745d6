#pragma once
// The passes over rows between the products: layer norm and its way back, a warp an item; and what
// is element by element.
#include "core/gpu/block.cuh"
#include "kernels/views/views_gpu.hpp"

namespace fedfuse::views {
namespace {

using gpu::lane;
constexpr int block = 256;
constexpr std::size_t tile_pitch = 33;  // a 32 x 32 tile that is met by rows and by columns

struct Norms {
  std::int64_t rows = 0, d = 0;
  const float *weight[branches] = {}, *bias[branches] = {};
  float *y = nullptr, *x = nullptr, *inverse_sd = nullptr, *sum = nullptr;  // sum: F_sum, or null
};

__device__ inline std::int64_t warp_of_grid() {
  return (std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}
__device__ inline std::int64_t warps_of_grid() { return std::int64_t(gridDim.x) * blockDim.x / 32; }
__device__ inline std::int64_t thread_of_grid() {
  return std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t threads_of_grid() { return std::int64_t(gridDim.x) * blockDim.x; }

// y <- (y - mean y) / sd, x <- ln_w y + ln_b; F_sum <- their sum.
__global__ void __launch_bounds__(block) normalise_kernel(const __grid_constant__ Norms g) {
  const int d = int(g.d);
  for (std::int64_t i = warp_of_grid(); i < g.rows; i += warps_of_grid()) {
    float mean[branches], inverse[branches];
#pragma unroll
    for (int m = 0; m < branches; ++m) {
      const float* y = g.y + (i * branches + m) * d;
      float sum = 0.0f, squares = 0.0f;
      for (int k = lane(); k < d; k += 32) sum += y[k];
      mean[m] = gpu::warp_sum(sum) / float(d);
      for (int k = lane(); k < d; k += 32) squares = fmaf(y[k] - mean[m], y[k] - mean[m], squares);
      inverse[m] = 1.0f / sqrtf(gpu::warp_sum(squares) / float(d) + ln_epsilon);
      if (lane() == 0) g.inverse_sd[i * branches + m] = inverse[m];
    }
    for (int k = lane(); k < d; k += 32) {
      float total = 0.0f;
#pragma unroll
      for (int m = 0; m < branches; ++m) {
        const std::int64_t at = (i * branches + m) * d + k;
        const float normal = (g.y[at] - mean[m]) * inverse[m],
                    x = fmaf(normal, g.weight[m][k], g.bias[m][k]);
        g.y[at] = normal;
        g.x[at] = x;
        total += x;
      }
      if (g.sum != nullptr) g.sum[i * d + k] = total;
    }
  }
}

// Without layer norm: x <- y; F_sum <- their sum.
__global__ void __launch_bounds__(block) unnormalised_kernel(const __grid_constant__ Norms g) {
  for (std::int64_t at = thread_of_grid(); at < g.rows * g.d; at += threads_of_grid()) {
    const std::int64_t row = at / g.d, first = row * branches * g.d + at % g.d;
    float total = 0.0f;
#pragma unroll
    for (int m = 0; m < branches; ++m) {
      const float x = g.y[first + m * g.d];
      g.x[first + m * g.d] = x;
      total += x;
    }
    if (g.sum != nullptr) g.sum[at] = total;
  }
}

// x <- dL/dy of the layer before, x being dL/d(ln_w n + ln_b): (dn - mean dn - n mean(dn n)) / sd,
// n = y the normalised row, dn = ln_w x.
__global__ void __launch_bounds__(block) back_normalise_kernel(const __grid_constant__ Norms g) {
  const int d = int(g.d);
  for (std::int64_t row = warp_of_grid(); row < branches * g.rows; row += warps_of_grid()) {
    const int m = int(row % branches);
    const float *normal = g.y + row * d, *weight = m == 0   ? g.weight[0]
                                                   : m == 1 ? g.weight[1]
                                                            : g.weight[2];
    float* dx = g.x + row * d;
    float sum = 0.0f, product = 0.0f;
    for (int k = lane(); k < d; k += 32) {
      const float dn = dx[k] * weight[k];
      sum += dn;
      product = fmaf(dn, normal[k], product);
    }
    const float mean = gpu::warp_sum(sum) / float(d), along = gpu::warp_sum(product) / float(d),
                inverse = g.inverse_sd[row];
    for (int k = lane(); k < d; k += 32)
      dx[k] = (dx[k] * weight[k] - mean - normal[k] * along) * inverse;
  }
}

// dx of all branches <- scale dL/dF_sum. d is a multiple of 4.
__global__ void __launch_bounds__(block)
    back_sum_kernel(const float* up, float scale, std::int64_t rows, std::int64_t d, float* dx) {
  const std::int64_t fours = d / 4;
  for (std::int64_t at = thread_of_grid(); at < rows * fours; at += threads_of_grid()) {
    const std::int64_t row = at / fours, k = at % fours;
    const float4 g = reinterpret_cast<const float4*>(up)[at],
                 scaled = make_float4(scale * g.x, scale * g.y, scale * g.z, scale * g.w);
#pragma unroll
    for (int m = 0; m < branches; ++m)
      reinterpret_cast<float4*>(dx)[(row * branches + m) * fours + k] = scaled;
  }
}

__global__ void __launch_bounds__(block)
    largest_kernel(const float* x, std::int64_t n, std::uint32_t* most) {
  std::uint32_t mine = 0;
  for (std::int64_t at = thread_of_grid(); at < n; at += threads_of_grid()) {
    const float size = fabsf(x[at]);
    std::uint32_t bits = 0;
    memcpy(&bits, &size, sizeof bits);
    mine = bits > mine ? bits : mine;
  }
#pragma unroll
  for (int by = 16; by > 0; by /= 2) {
    const std::uint32_t other = __shfl_xor_sync(gpu::all_lanes, mine, by);
    mine = other > mine ? other : mine;
  }
  if (lane() == 0 && mine > 0) atomicMax(most, mine);
}

__global__ void __launch_bounds__(block) step_kernel(const __grid_constant__ GpuStep s) {
  for (std::int64_t i = thread_of_grid(); i < s.n; i += threads_of_grid()) {
    const float g =
        s.words == nullptr
            ? s.gradient[i]
            : float(s.factor * (double(s.words[i]) * 0x1p-16 + double(s.words[s.n + i]) * 0x1p-60));
    if (s.m == nullptr)
      s.values[i] -= s.factors.rate * g;
    else
      adam_step(s.values[i], s.m[i], s.v[i], g, s.factors);
  }
}

struct Matrices {
  struct One {
    std::int64_t at = 0;
    int rows = 0, cols = 0;
  };
  One one[12] = {};
  int count = 0;
};

// Each matrix of `from` transposed into its place in `to`: 32 x 32 numbers at a time, so that both
// sides are met in whole lines.
__global__ void __launch_bounds__(block)
    transpose_weights_kernel(const __grid_constant__ Matrices all, const float* from, float* to) {
  float* tile = gpu::shared<float>();
  const auto& one = all.one[blockIdx.y];
  const int across = (one.cols + 31) / 32, down = (one.rows + 31) / 32,
            slice = int(threadIdx.x) / 32;
  for (int t = int(blockIdx.x); t < across * down; t += int(gridDim.x)) {
    const int first_row = t / across * 32, first_col = t % across * 32;
    for (int r = slice; r < 32; r += block / 32)
      if (first_row + r < one.rows && first_col + lane() < one.cols)
        tile[r * int(tile_pitch) + lane()] =
            from[one.at + std::int64_t(first_row + r) * one.cols + first_col + lane()];
    __syncthreads();
    for (int c = slice; c < 32; c += block / 32)
      if (first_col + c < one.cols && first_row + lane() < one.rows)
        to[one.at + std::int64_t(first_col + c) * one.rows + first_row + lane()] =
            tile[lane() * int(tile_pitch) + c];
    __syncthreads();
  }
}

dim3 grid_for(std::int64_t threads) {
  // enough to fill any chip; the loops stride over the rest
  constexpr std::int64_t most = 132 * 16;
  const std::int64_t blocks = (threads + block - 1) / block;
  return {unsigned(blocks < 1 ? 1 : blocks < most ? blocks : most), 1, 1};
}

}  // namespace
}  // namespace fedfuse::views
