#pragma once
// What a block of the teacher kernels does: a few rows times a weight matrix, sums of rows, a tile
// of a gradient. Every sum has one order.
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/teacher/teacher_gpu.hpp"

namespace fedfuse::teacher {
namespace {

using gpu::block_sum, gpu::load4, gpu::store4, gpu::lane, gpu::warp, gpu::warp_sum, gpu::warps;

__device__ inline float4 zero4() { return make_float4(0.0f, 0.0f, 0.0f, 0.0f); }
__device__ inline void add(float4& to, const float4& x) {
  to.x += x.x;
  to.y += x.y;
  to.z += x.z;
  to.w += x.w;
}
__device__ inline void fma4(float4& to, float s, const float4& x) {
  to.x = fmaf(s, x.x, to.x);
  to.y = fmaf(s, x.y, to.y);
  to.z = fmaf(s, x.z, to.z);
  to.w = fmaf(s, x.w, to.w);
}

struct Batch {
  std::int64_t first;
  int slots, pairs;
  // batch: of the epoch
  __device__ Batch(const GpuNet& n, int batch) : first(std::int64_t(batch) * n.slots) {
    const std::int64_t left = n.count - first;
    slots = left < n.slots ? int(left) : n.slots;
    pairs = slots * n.pairs_a_slot;
  }
};
struct Place {
  int group;
  std::int64_t item;
  // pair: of the batch
  __device__ Place(const GpuNet& n, const Batch& b, int pair) {
    const std::int32_t slot = n.order[b.first + pair / n.pairs_a_slot];
    group = n.by_items ? pair % n.pairs_a_slot : slot % n.groups;
    item = n.by_items ? slot : slot / n.groups;
  }
};

// n floats, a multiple of 4, to shared memory by asynchronous copies; commits.
__device__ inline void stage(float* to, const float* from, int n) {
  for (int k = 4 * int(threadIdx.x); k < n; k += 4 * block_threads)
    gpu::async_copy16(to + k, from + k);
  gpu::async_commit();
}

// The threads of a block over the columns of a matrix, four columns each: (quad, slice); slices
// share the rows of the sum.
struct Spread {
  int width, quads, slices, quad, slice;  // width: quads at once
  __device__ Spread(int columns, int first, int rows) {
    quads = columns / 4 - first;
    width = columns / 4 < int(blockDim.x) ? columns / 4 : int(blockDim.x);
    const int fit = int(blockDim.x) / width;
    slices = fit < rows ? fit : rows > 0 ? rows : 1;
    slice = int(threadIdx.x) / width;
    quad = first + int(threadIdx.x) % width;
    if (slice >= slices || int(threadIdx.x) % width >= quads) slice = -1;
    quads = quads < width ? quads : width;
  }
};

// Adds up what the slices hold and hands it out: out(row, column, sum of 4 columns). red: Rows *
// blockDim float4. Begins with a barrier.
template <int Rows, class Out>
__device__ inline void gather_slices(const Spread& s, int first, const float4 (&sum)[Rows],
                                     float* red, Out out) {
  __syncthreads();
  if (s.slice >= 0)
#pragma unroll
    for (int r = 0; r < Rows; ++r)
      store4(red + 4 * ((s.slice * Rows + r) * s.width + s.quad - first), sum[r]);
  __syncthreads();
  for (int at = int(threadIdx.x); at < Rows * s.quads; at += int(blockDim.x)) {
    const int r = at / s.quads, quad = at % s.quads;
    float4 total = zero4();
    for (int slice = 0; slice < s.slices; ++slice)
      add(total, load4(red + 4 * ((slice * Rows + r) * s.width + quad)));
    out(r, 4 * (first + quad), total);
  }
}

// out(r, n) = sum over k < K of x[k * Rows + r] W[k * N + n], four n at a time. x in shared memory,
// W by whole rows. Begins with a barrier, after which x is read.
template <int Rows, class Out>
__device__ inline void rows_times(const float* x, int K, const float* W, int N, float* red,
                                  Out out) {
  __syncthreads();
  for (int first = 0; first < N / 4; first += int(blockDim.x)) {
    const Spread s(N, first, K);
    float4 sum[Rows];
#pragma unroll
    for (int r = 0; r < Rows; ++r) sum[r] = zero4();
    if (s.slice >= 0)
#pragma unroll(Rows == 1 ? 4 : 2)
      for (int k = s.slice; k < K; k += s.slices) {
        const float4 w = load4(W + std::int64_t(k) * N + 4 * s.quad);
        if constexpr (Rows == block_rows) {
          const float4 low = load4(x + k * Rows), high = load4(x + k * Rows + 4);
          fma4(sum[0], low.x, w);
          fma4(sum[1], low.y, w);
          fma4(sum[2], low.z, w);
          fma4(sum[3], low.w, w);
          fma4(sum[4], high.x, w);
          fma4(sum[5], high.y, w);
          fma4(sum[6], high.z, w);
          fma4(sum[7], high.w, w);
        } else {
          fma4(sum[0], x[k], w);
        }
      }
    gather_slices<Rows>(s, first, sum, red, out);
  }
}

// out(n) = sum over k < count of row(k)[n]; row null: it is left out.
template <class Row, class Out>
__device__ inline void sum_rows(int count, Row row, int N, float* red, Out out) {
  for (int first = 0; first < N / 4; first += int(blockDim.x)) {
    const Spread s(N, first, count);
    float4 sum[1] = {zero4()};
    if (s.slice >= 0)
#pragma unroll 8
      for (int k = s.slice; k < count; k += s.slices)
        if (const float* from = row(k); from != nullptr) add(sum[0], load4(from + 4 * s.quad));
    gather_slices<1>(s, first, sum, red,
                     [&](int, int column, const float4& total) { out(column, total); });
  }
}

// A tile of sum over k < count of a(k) b(k)^T, M x N: rows m0 ..., columns n0 ..., four numbers at
// a time to out(index in the matrix, numbers). A warp takes every so many k's, a lane 4 x 8: its
// columns are 4 c .. and 16 + 4 c .., so that eight lanes meet eight different banks. b(k) null: a
// row of zeros.
template <class B, class Out>
__device__ inline void gradient_of(int count, const float* a, int a_pitch, B b, int m0, int M,
                                   int n0, int N, float* red, Out out) {
  const int row = lane() / 4 * 4, col = lane() % 4 * 4;
  const bool rows = m0 + row < M, low = n0 + col < N, high = n0 + col + 16 < N;
  float4 sum[4][2];
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i][0] = sum[i][1] = zero4();
#pragma unroll 4
  for (int k = warp(); k < count; k += warps()) {
    const float* from = b(k);
    const bool there = from != nullptr;
    const float4 x = rows ? load4(a + std::int64_t(k) * a_pitch + m0 + row) : zero4();
    const float4 y[2] = {there && low ? load4(from + n0 + col) : zero4(),
                         there && high ? load4(from + n0 + col + 16) : zero4()};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      fma4(sum[0][half], x.x, y[half]);
      fma4(sum[1][half], x.y, y[half]);
      fma4(sum[2][half], x.z, y[half]);
      fma4(sum[3][half], x.w, y[half]);
    }
  }
  float* mine = red + warp() * gradient_tile * tile_pitch;
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      store4(mine + (row + i) * tile_pitch + col + 16 * half, sum[i][half]);
  __syncthreads();
  for (int at = int(threadIdx.x); at < gradient_tile * gradient_tile / 4; at += int(blockDim.x)) {
    const int r = at / (gradient_tile / 4), c = at % (gradient_tile / 4) * 4;
    if (m0 + r >= M || n0 + c >= N) continue;
    float4 total = zero4();
    for (int w = 0; w < warps(); ++w)
      add(total, load4(red + (w * gradient_tile + r) * tile_pitch + c));
    out((m0 + r) * N + n0 + c, total);
  }
}

// The sums over k of a[k] b[r][k] for four rows b + r * pitch, to every lane of the warp. n a
// multiple of 4.
__device__ inline float4 dots(const float* a, const float* b, int pitch, int n) {
  float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int k = 4 * lane(); k < n; k += 128) {
    const float4 x = load4(a + k);
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      const float4 y = load4(b + std::int64_t(r) * pitch + k);
      sum[r] = fmaf(x.x, y.x, fmaf(x.y, y.y, fmaf(x.z, y.z, fmaf(x.w, y.w, sum[r]))));
    }
  }
#pragma unroll
  for (int r = 0; r < 4; ++r) sum[r] = warp_sum(sum[r]);
  return make_float4(sum[0], sum[1], sum[2], sum[3]);
}

}  // namespace
}  // namespace fedfuse::teacher
