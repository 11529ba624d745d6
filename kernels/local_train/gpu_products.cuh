#pragma once
// Products of small matrices by one block of threads, each sum in one fixed order: a block gives
// the same bits wherever it runs.
//
// A warp owns a tile of 32 x 32 of a product, a lane 8 x 4 of it: 12 numbers loaded for 32
// multiply-adds; 4 x 4 would load 16. Lanes i and i ^ 1 read the same of B, i and i ^ 2 the same of
// A, and rows of shared matrices are padded() so that the eight rows of half a warp lie in
// different banks: then a load of 16 bytes a lane is one trip to shared memory for 16 lanes, not
// for 8.
#include "kernels/local_train/gpu_rows.cuh"

namespace fedfuse::local_train {
namespace {

constexpr int tile_rows = 32, tile_cols = 32, lane_rows = 8, lane_cols = 4;

struct LaneTile {
  float c[lane_rows][lane_cols];
};

__device__ inline void clear(LaneTile& t) {
#pragma unroll
  for (int i = 0; i < lane_rows; ++i)
#pragma unroll
    for (int j = 0; j < lane_cols; ++j) t.c[i][j] = 0.0f;
}
__device__ inline void add_row(float (&c)[lane_cols], float a, const float4& y) {
  c[0] = fmaf(a, y.x, c[0]);
  c[1] = fmaf(a, y.y, c[1]);
  c[2] = fmaf(a, y.z, c[2]);
  c[3] = fmaf(a, y.w, c[3]);
}
__device__ inline int tiles(int rows, int cols) {
  return (rows + tile_rows - 1) / tile_rows * ((cols + tile_cols - 1) / tile_cols);
}

// Rows of a matrix in shared memory or scratch: data + i * stride. Known > 0: the stride, where the
// compiler knows it, and addresses cost nothing.
template <int Known>
struct Rows {
  float* data;
  int given;
  __device__ int stride() const { return Known > 0 ? Known : given; }
  __device__ float* operator()(int i) const { return data + i * stride(); }
};
template <class T>
constexpr bool is_rows = false;
template <int Known>
constexpr bool is_rows<Rows<Known>> = true;

// Four numbers of k of rows `first`, first + Apart, ..: one pointer where rows are strided, else
// one each. Rows beyond `count` are read at the last one (a function's), or as they lie in the
// padding of the matrix; their sums are not stored.
template <class A, int Count, int Apart>
struct Walk {
  static constexpr int pointers = is_rows<A> ? 1 : Count;
  const float* at[pointers];
  int stride = 0;
  __device__ Walk(const A& a, int first, int count) {
    if constexpr (is_rows<A>) {
      at[0] = a(first);
      stride = a.stride();
    } else {
#pragma unroll
      for (int i = 0; i < Count; ++i)
        at[i] = a(first + Apart * i < count ? first + Apart * i : count - 1);
    }
  }
  __device__ const float* row(int i) const {
    return is_rows<A> ? at[0] + i * Apart * stride : at[is_rows<A> ? 0 : i];
  }
  __device__ void advance(int by) {
#pragma unroll
    for (int i = 0; i < pointers; ++i) at[i] += by;
  }
};

// Where a lane's numbers of a tile stand: rows `row` + 4 i; columns `col` + 8 j of product_nt,
// `col` + j of product_nn.
struct Place {
  int row, col;
};
__device__ inline int lane_row() { return lane() % 2 + lane() / 16 * 2; }  // 0 .. 3
__device__ inline int lane_col() { return lane() / 2 % 8; }                // 0 .. 7
__device__ inline Place spread(int tile, int N, int lane_columns_apart) {
  const int across = (N + tile_cols - 1) / tile_cols;
  return {tile / across * tile_rows + lane_row(),
          tile % across * tile_cols + lane_col() * lane_columns_apart};
}
// f(row, column, value) for those inside M x N
template <class F>
__device__ inline void each_spread(const LaneTile& t, const Place& at, int columns_apart, int M,
                                   int N, F f) {
#pragma unroll
  for (int i = 0; i < lane_rows; ++i)
#pragma unroll
    for (int j = 0; j < lane_cols; ++j) {
      const int r = at.row + 4 * i, c = at.col + columns_apart * j;
      if (r < M && c < N) f(r, c, t.c[i][j]);
    }
}

// c[i][o] = sum_k A(i)[k] B(o)[k]: both operands run along k. add: to what t holds. B: a weight
// matrix, whose tiles are whole or padded.
template <class A, class B>
__device__ inline Place product_nt(int M, int N, int K, int tile, const A& a, const B& b,
                                   LaneTile& t, bool add = false) {
  const Place at = spread(tile, N, 1);
  Walk<A, lane_rows, 4> pa(a, at.row, M);
  Walk<B, lane_cols, 8> pb(b, at.col, N);
  if (!add) clear(t);
  int k = 0;
#pragma unroll 1
  for (; k + 4 <= K; k += 4, pa.advance(4), pb.advance(4)) {
    float4 x[lane_rows], y[lane_cols];
#pragma unroll
    for (int i = 0; i < lane_rows; ++i) x[i] = load4(pa.row(i));
#pragma unroll
    for (int j = 0; j < lane_cols; ++j) y[j] = load4(pb.row(j));
#pragma unroll
    for (int i = 0; i < lane_rows; ++i)
#pragma unroll
      for (int j = 0; j < lane_cols; ++j)
        t.c[i][j] =
            fmaf(x[i].x, y[j].x,
                 fmaf(x[i].y, y[j].y, fmaf(x[i].z, y[j].z, fmaf(x[i].w, y[j].w, t.c[i][j]))));
  }
#pragma unroll 1
  for (; k < K; ++k, pa.advance(1), pb.advance(1))
#pragma unroll
    for (int i = 0; i < lane_rows; ++i)
#pragma unroll
      for (int j = 0; j < lane_cols; ++j) t.c[i][j] = fmaf(*pa.row(i), *pb.row(j), t.c[i][j]);
  return at;
}

// c[i][n] = sum_k A(i)[k] B(k)[n]. B's rows are padded to 4.
template <class A, class B>
__device__ inline Place product_nn(int M, int N, int K, int tile, const A& a, const B& b,
                                   LaneTile& t) {
  const Place at = spread(tile, N, lane_cols);
  Walk<A, lane_rows, 4> pa(a, at.row, M);
  const float* pb = b.data + (at.col < N ? at.col : 0);
  clear(t);
  int k = 0;
#pragma unroll 1
  for (; k + 4 <= K; k += 4, pa.advance(4)) {
#pragma unroll
    // 8 bytes a lane of A: registers are short while tiles of a weight gradient are held
    for (int from = 0; from < 4; from += 2) {
      float2 x[lane_rows];
#pragma unroll
      for (int i = 0; i < lane_rows; ++i) x[i] = *reinterpret_cast<const float2*>(pa.row(i) + from);
#pragma unroll
      for (int s = 0; s < 2; ++s, pb += b.stride()) {
        const float4 y = load4(pb);
#pragma unroll
        for (int i = 0; i < lane_rows; ++i) add_row(t.c[i], s == 0 ? x[i].x : x[i].y, y);
      }
    }
  }
#pragma unroll 1
  for (; k < K; ++k, pa.advance(1), pb += b.stride()) {
    const float4 y = load4(pb);
#pragma unroll
    for (int i = 0; i < lane_rows; ++i) add_row(t.c[i], *pa.row(i), y);
  }
  return at;
}

// Of product_tn: rows `row` .. + 3 and half a tile below, columns `col` .. + 3.
__device__ inline Place blocked(int tile, int N) {
  const Place at = spread(tile, N, lane_cols);
  return {at.row + 3 * lane_row(), at.col};
}

// c[m][n] = sum_i A(i)[m] B(i)[n]: the gradient of a weight matrix, whose numbers each_block
// places. Both padded to 4.
template <class A, class B>
__device__ inline void product_tn(int M, int N, int K, int tile, const A& a, const B& b,
                                  LaneTile& t) {
  const Place at = blocked(tile, N);
  const int further = at.row + tile_rows / 2 < M ? tile_rows / 2 : 0, n = at.col < N ? at.col : 0;
  const float *pa = a.data + (at.row < M ? at.row : 0), *pb = b(0) + n;
  clear(t);
#pragma unroll 2
  for (int i = 0; i < K; ++i) {
    const float4 x0 = load4(pa), x1 = load4(pa + further), y = load4(pb);
    pa += a.stride();
    if constexpr (is_rows<B>)
      pb += b.stride();
    else
      pb = b(i + 1 < K ? i + 1 : i) + n;
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      add_row(t.c[r], component(x0, r), y);
      add_row(t.c[4 + r], component(x1, r), y);
    }
  }
}
template <class F>
__device__ inline void each_block(const LaneTile& t, int tile, int M, int N, F f) {
  const Place at = blocked(tile, N);
#pragma unroll
  for (int i = 0; i < lane_rows; ++i)
#pragma unroll
    for (int j = 0; j < lane_cols; ++j) {
      const int r = at.row + (i < 4 ? i : tile_rows / 2 + i - 4);
      if (r < M && at.col + j < N) f(r, at.col + j, t.c[i][j]);
    }
}

// A layer out = in W^T backwards, in place: W -= lr dOut^T In (+ decay), In <- (dOut W) where
// mask(i, k), both from the old W. W: outs x ins, rows of padded(ins). Every tile of dW stays in
// registers until In has been replaced. Begins and ends with a barrier. HeldTiles: of a warp; d =
// 128 has 16 tiles, which 16 or 8 warps hold.
template <int HeldTiles, class Out, class In, class Weights, class Mask>
__device__ inline void backward_layer(int n, int outs, int ins, const Out& d_out, const In& in,
                                      const Weights& W, float keep, float lr, Mask mask) {
  LaneTile held[HeldTiles];
  __syncthreads();
  const int weight_tiles = tiles(outs, ins);
#pragma unroll
  for (int h = 0; h < HeldTiles; ++h) {
    const int tile = warp() + h * warps();
    if (tile < weight_tiles) product_tn(outs, ins, n, tile, d_out, in, held[h]);
  }
  __syncthreads();
#pragma unroll 1
  for (int tile = warp(); tile < tiles(n, ins); tile += warps()) {
    LaneTile t;
    const Place at = product_nn(n, ins, outs, tile, d_out, W, t);
    each_spread(t, at, 1, n, ins, [&](int i, int k, float gradient) {
      float& x = in(i)[k];
      x = mask(x) ? gradient : 0.0f;
    });
  }
  __syncthreads();
#pragma unroll
  for (int h = 0; h < HeldTiles; ++h) {
    const int tile = warp() + h * warps();
    if (tile >= weight_tiles) continue;
    each_block(held[h], tile, outs, ins, [&](int o, int k, float gradient) {
      float& x = W(o)[k];
      x = fmaf(-lr, gradient, keep * x);
    });
  }
  __syncthreads();
}

// out(i, o) = max(in(i) . W(o) + bias(o), 0). Ends with a barrier.
template <class In, class Weights, class Out>
__device__ inline void forward_layer(int n, int outs, int ins, const In& in, const Weights& W,
                                     const float* bias, const Out& out) {
#pragma unroll 1
  for (int tile = warp(); tile < tiles(n, outs); tile += warps()) {
    LaneTile t;
    const Place at = product_nt(n, outs, ins, tile, in, W, t);
    each_spread(t, at, 8, n, outs,
                [&](int i, int o, float sum) { out(i)[o] = fmaxf(sum + bias[o], 0.0f); });
  }
  __syncthreads();
}

}  // namespace
}  // namespace fedfuse::local_train
