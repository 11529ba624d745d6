#pragma once
// What a block of threads does together: products of small matrices in shared memory, column sums, reductions. Every sum has one
// fixed order, so a block gives the same bits wherever it runs.
//
// A warp owns a tile of 16 x 32 of a product, a lane 4 x 4 of it. Rows of shared matrices are padded() so that the lanes of a warp
// read 16 bytes each from different banks: per four steps of the inner sum 8 loads of 16 bytes feed 64 multiply-adds.
#include "core/gpu/block.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

using gpu::block_sum, gpu::lane, gpu::warp, gpu::warp_sum, gpu::warps;

constexpr int tile_rows = 16, tile_cols = 32, lane_tile = 4;

struct LaneTile {
  float c[lane_tile][lane_tile];
};

__device__ inline void clear(LaneTile& t) {
#pragma unroll
  for (int i = 0; i < lane_tile; ++i)
#pragma unroll
    for (int j = 0; j < lane_tile; ++j) t.c[i][j] = 0.0f;
}
__device__ inline float4 load4(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ inline void store4(float* p, const float4& x) { *reinterpret_cast<float4*>(p) = x; }
__device__ inline float4 scaled(float a, const float4& x) { return make_float4(a * x.x, a * x.y, a * x.z, a * x.w); }
__device__ inline float4 fma4(float a, const float4& x, const float4& y) {
  return make_float4(fmaf(a, x.x, y.x), fmaf(a, x.y, y.y), fmaf(a, x.z, y.z), fmaf(a, x.w, y.w));
}
__device__ inline float component(const float4& v, int k) { return k == 0 ? v.x : k == 1 ? v.y : k == 2 ? v.z : v.w; }
__device__ inline int tiles(int rows, int cols) { return (rows + tile_rows - 1) / tile_rows * ((cols + tile_cols - 1) / tile_cols); }

// Rows of a matrix: data + i * stride.
struct Rows {
  const float* data;
  int stride;
  __device__ const float* operator()(int i) const { return data + i * stride; }
};

// c[i][o] = sum_k A(i)[k] B(o)[k]. Lane rows g + 4 j, columns c + 8 j of the tile: both operands run along k. add: to what t holds. Rows beyond M or
// N are read at the last row (their sums are not stored).
template <class A, class B>
__device__ inline void product_nt(int M, int N, int K, int tile, A a, B b, LaneTile& t, int (&row)[lane_tile], int (&col)[lane_tile],
                                  bool add = false) {
  const int across = (N + tile_cols - 1) / tile_cols, r0 = tile / across * tile_rows + lane() / 8, c0 = tile % across * tile_cols + lane() % 8;
  const float *pa[lane_tile], *pb[lane_tile];
#pragma unroll
  for (int j = 0; j < lane_tile; ++j) {
    row[j] = r0 + 4 * j, col[j] = c0 + 8 * j;
    pa[j] = a(row[j] < M ? row[j] : M - 1), pb[j] = b(col[j] < N ? col[j] : N - 1);
  }
  if (!add) clear(t);
  int k = 0;
#pragma unroll 1
  for (; k + 4 <= K; k += 4) {
    float4 x[lane_tile], y[lane_tile];
#pragma unroll
    for (int j = 0; j < lane_tile; ++j) x[j] = load4(pa[j] + k), y[j] = load4(pb[j] + k);
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j)
        t.c[i][j] = fmaf(x[i].x, y[j].x, fmaf(x[i].y, y[j].y, fmaf(x[i].z, y[j].z, fmaf(x[i].w, y[j].w, t.c[i][j]))));
  }
#pragma unroll 1
  for (; k < K; ++k)
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j) t.c[i][j] = fmaf(pa[i][k], pb[j][k], t.c[i][j]);
}

// c[i][n] = sum_k A(i)[k] B(k)[n]. Lane rows g + 4 j, columns 4 c .. 4 c + 3. B's rows are padded to 4.
template <class A, class B>
__device__ inline void product_nn(int M, int N, int K, int tile, A a, B b, LaneTile& t, int (&row)[lane_tile], int& col) {
  const int across = (N + tile_cols - 1) / tile_cols, r0 = tile / across * tile_rows + lane() / 8;
  col = tile % across * tile_cols + lane() % 8 * 4;
  const int from = col < N ? col : 0;
  const float* pa[lane_tile];
#pragma unroll
  for (int j = 0; j < lane_tile; ++j) row[j] = r0 + 4 * j, pa[j] = a(row[j] < M ? row[j] : M - 1);
  clear(t);
  int k = 0;
#pragma unroll 1
  for (; k + 4 <= K; k += 4) {
    float4 x[lane_tile];
#pragma unroll
    for (int j = 0; j < lane_tile; ++j) x[j] = load4(pa[j] + k);
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      const float4 y = load4(b(k + s) + from);
#pragma unroll
      for (int i = 0; i < lane_tile; ++i) {
        const float z = component(x[i], s);
        t.c[i][0] = fmaf(z, y.x, t.c[i][0]), t.c[i][1] = fmaf(z, y.y, t.c[i][1]);
        t.c[i][2] = fmaf(z, y.z, t.c[i][2]), t.c[i][3] = fmaf(z, y.w, t.c[i][3]);
      }
    }
  }
#pragma unroll 1
  for (; k < K; ++k) {
    const float4 y = load4(b(k) + from);
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j) t.c[i][j] = fmaf(pa[i][k], component(y, j), t.c[i][j]);
  }
}

// c[m][n] = sum_i A(i)[m] B(i)[n]: the gradient of a weight matrix. Lane rows 4 g .. 4 g + 3, columns 4 c .. 4 c + 3; both padded to 4.
template <class A, class B>
__device__ inline void product_tn(int M, int N, int K, int tile, A a, B b, LaneTile& t, int& row, int& col) {
  const int across = (N + tile_cols - 1) / tile_cols;
  row = tile / across * tile_rows + lane() / 8 * 4, col = tile % across * tile_cols + lane() % 8 * 4;
  const int m = row < M ? row : 0, n = col < N ? col : 0;
  clear(t);
#pragma unroll 1
  for (int i = 0; i < K; ++i) {
    const float4 x = load4(a(i) + m), y = load4(b(i) + n);
#pragma unroll
    for (int r = 0; r < lane_tile; ++r) {
      const float z = component(x, r);
      t.c[r][0] = fmaf(z, y.x, t.c[r][0]), t.c[r][1] = fmaf(z, y.y, t.c[r][1]);
      t.c[r][2] = fmaf(z, y.z, t.c[r][2]), t.c[r][3] = fmaf(z, y.w, t.c[r][3]);
    }
  }
}

// f(i, k) for each row i < n and each multiple k < cols of Wide. Lanes side by side take k side by side, as many rows at a time as fit a warp: nothing
// is divided for an element. Unroll: rows of a lane whose loads are in flight together.
template <int Wide, int Unroll = 1, class F>
__device__ inline void each_of_rows(int n, int cols, F f) {
  const int across = (cols + Wide - 1) / Wide, at_once = across < 32 ? 32 / across : 1, mine = across < 32 ? lane() / across : 0;
  const int first = lane() - mine * across;
  if (mine >= at_once) return;
#pragma unroll Unroll
  for (int i = warp() * at_once + mine; i < n; i += warps() * at_once)
#pragma unroll 1
    for (int k = first; k < across; k += 32) f(i, Wide * k);
}

// Sum over k < n of a[k] b[k] by one warp, to all its lanes.
__device__ inline float warp_dot(const float* a, const float* b, int n) {
  float sum = 0;
  for (int k = lane(); k < n; k += 32) sum = fmaf(a[k], b[k], sum);
  return warp_sum(sum);
}

// out[s][k] = sum over i < n of term(i, k)[s], for s < Sums and k < cols: threads take (group of rows, column), then the groups are
// added in order. sums: Sums * blockDim floats. Ends with a barrier.
template <int Sums, class Term>
__device__ inline void column_sums(int n, int cols, float* sums, float* const (&out)[Sums], Term term) {
  const int threads = int(blockDim.x), tid = int(threadIdx.x);
  const int groups = threads / cols > 0 ? threads / cols : 1;
  for (int first = 0; first < cols; first += threads) {
    const int k = first + tid % (cols < threads ? cols : threads), g = cols < threads ? tid / cols : 0;
    const bool mine = k < cols && g < groups;
    float sum[Sums];
#pragma unroll
    for (int s = 0; s < Sums; ++s) sum[s] = 0.0f;
    if (mine)
      for (int i = g; i < n; i += groups) term(i, k, sum);
    __syncthreads();
    if (mine)
#pragma unroll
      for (int s = 0; s < Sums; ++s) sums[s * threads + tid] = sum[s];
    __syncthreads();
    if (mine && g == 0)
#pragma unroll
      for (int s = 0; s < Sums; ++s) {
        float total = 0;
        for (int h = 0; h < groups; ++h) total += sums[s * threads + h * cols + tid];
        out[s][k] = total;
      }
  }
  __syncthreads();
}

// A layer out = in W^T backwards, in place: W -= lr dOut^T In (+ decay), In <- (dOut W) where mask(i, k), both from the old W.
// W: outs x ins, rows of padded(ins). Every tile of dW stays in registers until In has been replaced. Begins and ends with a barrier.
// HeldTiles: of a warp; d = 128 has 32 tiles, which 16 or 12 warps hold.
template <int HeldTiles, class Mask>
__device__ inline void backward_layer(int n, int outs, int ins, const float* d_out, int out_stride, float* in, int in_stride, float* W, int W_stride,
                                      float keep, float lr, Mask mask) {
  LaneTile held[HeldTiles];
  __syncthreads();
  const int weight_tiles = tiles(outs, ins);
#pragma unroll
  for (int h = 0; h < HeldTiles; ++h) {
    const int tile = warp() + h * warps();
    int row, col;
    if (tile < weight_tiles) product_tn(outs, ins, n, tile, Rows{d_out, out_stride}, Rows{in, in_stride}, held[h], row, col);
  }
  __syncthreads();
#pragma unroll 1
  for (int tile = warp(); tile < tiles(n, ins); tile += warps()) {
    LaneTile t;
    int row[lane_tile], col;
    product_nn(n, ins, outs, tile, Rows{d_out, out_stride}, Rows{W, W_stride}, t, row, col);
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j)
        if (row[i] < n && col + j < ins) {
          float& x = in[row[i] * in_stride + col + j];
          x = mask(x) ? t.c[i][j] : 0.0f;
        }
  }
  __syncthreads();
#pragma unroll
  for (int h = 0; h < HeldTiles; ++h) {
    const int tile = warp() + h * warps(), across = (ins + tile_cols - 1) / tile_cols;
    if (tile >= weight_tiles) continue;
    const int row = tile / across * tile_rows + lane() / 8 * 4, col = tile % across * tile_cols + lane() % 8 * 4;
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j)
        if (row + i < outs && col + j < ins) {
          float& x = W[(row + i) * W_stride + col + j];
          x = fmaf(-lr, held[h].c[i][j], keep * x);
        }
  }
  __syncthreads();
}

// out(i, o) = max(in(i) . W(o) + bias(o), 0). Ends with a barrier.
template <class A>
__device__ inline void forward_layer(int n, int outs, int ins, A in, const float* W, int W_stride, const float* bias, float* out, int out_stride) {
#pragma unroll 1
  for (int tile = warp(); tile < tiles(n, outs); tile += warps()) {
    LaneTile t;
    int row[lane_tile], col[lane_tile];
    product_nt(n, outs, ins, tile, in, Rows{W, W_stride}, t, row, col);
#pragma unroll
    for (int i = 0; i < lane_tile; ++i)
#pragma unroll
      for (int j = 0; j < lane_tile; ++j)
        if (row[i] < n && col[j] < outs) out[row[i] * out_stride + col[j]] = fmaxf(t.c[i][j] + bias[col[j]], 0.0f);
  }
  __syncthreads();
}

// x <- keep x - lr g, n floats
__device__ inline void sgd(float* x, const float* g, int n, float keep, float lr) {
  for (int k = int(threadIdx.x); k < n; k += int(blockDim.x)) x[k] = fmaf(-lr, g[k], keep * x[k]);
}
__device__ inline void copy(float* to, const float* from, int n) {
  for (int k = int(threadIdx.x); k < n; k += int(blockDim.x)) to[k] = from[k];
}
__device__ inline void copy_matrix(float* to, int to_stride, const float* from, int from_stride, int rows, int cols) {
  each_of_rows<1, 4>(rows, cols, [=](int i, int k) { to[i * to_stride + k] = from[i * from_stride + k]; });
}

}  // namespace

}  // namespace fedfuse::local_train
