#pragma once
// Products of small matrices by one block of threads on tensor cores (core/gpu/tensor_tile.hpp),
// each sum in one fixed order: a block gives the same bits wherever it runs.
//
// A warp owns a tile of 32 x 32 of a product. Numbers stay floats in shared memory. Which row,
// column or k a lane's number stands for is free as long as both operands agree, so every load
// takes neighbours in memory: 8 bytes along k, 16 bytes across. Strides make them free of bank
// conflicts: padded() for the batch, weight_stride() for weights (local_train_gpu.hpp). A lane ends
// with four neighbours of each of its rows: stores take 16 bytes.
#include "core/gpu/tensor_tile.hpp"
#include "kernels/local_train/gpu_rows.cuh"

namespace fedfuse::local_train {
namespace {

using gpu::TileOperands, gpu::TileSums;

constexpr int tile_rows = 32, tile_cols = 32, tile_depth = 8;

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

// Pointers to Count rows `first`, first + Apart, ..: one where rows are strided, else one each.
// Rows beyond `count` are read at the last one (a function's), or as they lie in the padding of the
// matrix; their sums are not stored.
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
};

// The first row and column of a tile, and this lane's place in it: (g, t) of tensor_tile.hpp.
struct Place {
  int row, col, g, t;
};
__device__ inline Place place_of(int tile, int N) {
  const int across = (N + tile_cols - 1) / tile_cols;
  return {tile / across * tile_rows, tile % across * tile_cols, lane() / 4, lane() % 4};
}
__device__ inline float2 load2(const float* p) { return *reinterpret_cast<const float2*>(p); }
// Of a last step that reaches beyond K.
template <bool Tail>
__device__ inline float within(float x, int k, int K) {
  return !Tail || k < K ? x : 0.0f;
}
template <bool Tail>
__device__ inline float4 within(const float4& x, int k, int K) {
  return !Tail || k < K ? x : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
}
// step<is the last>(k) for k < K
template <class Step>
__device__ inline void each_depth(int K, Step step) {
  int k = 0;
#pragma unroll 1
  for (; k + tile_depth <= K; k += tile_depth) step.template operator()<false>(k);
  if (k < K) step.template operator()<true>(k);
}

// A of a product along k, rows g, g + 8, g + 16, g + 24 of the tile: 2t and 2t + 1 of k.
template <bool Tail, class W>
__device__ inline void load_along(const W& rows, int k, int t, int K, TileOperands& x) {
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const float2 y = load2(rows.row(r) + k + 2 * t);
    x.a[r / 2][r % 2] = within<Tail>(y.x, k + 2 * t, K);
    x.a[r / 2][r % 2 + 2] = within<Tail>(y.y, k + 2 * t + 1, K);
  }
}

// c[i][o] = sum_k A(i)[k] B(o)[k]: both operands run along k. add: to what t holds. B: a weight
// matrix, whose tiles are whole or padded. f of each_nt sees it.
template <class A, class B>
__device__ inline void product_nt(int M, int N, int K, int tile, const A& a, const B& b,
                                  TileSums& sums, bool add = false) {
  const Place p = place_of(tile, N);
  const Walk<A, 4, 8> rows(a, p.row + p.g, M);
  const float* weights = b(p.col + 2 * p.g);
  if (!add) clear(sums);
  each_depth(K, [&]<bool Tail>(int k) {
    TileOperands x;
    load_along<Tail>(rows, k, p.t, K, x);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const float2 y = load2(weights + (n / 2 * 16 + n % 2) * b.stride() + k + 2 * p.t);
      x.b[n][0] = within<Tail>(y.x, k + 2 * p.t, K);
      x.b[n][1] = within<Tail>(y.y, k + 2 * p.t + 1, K);
    }
    multiply_add(sums, x);
  });
}
// f(row, column, its four sums from that column on) for those inside M x N; a row has padding for
// sums beyond N.
template <class F>
__device__ inline void each_nt(const TileSums& sums, int tile, int M, int N, F f) {
  const Place p = place_of(tile, N);
#pragma unroll
  for (int r = 0; r < 4; ++r)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = p.row + p.g + 8 * r, col = p.col + 16 * half + 4 * p.t, e = r % 2 * 2;
      const auto& even = sums.c[r / 2][2 * half];
      const auto& odd = sums.c[r / 2][2 * half + 1];
      if (row < M && col < N) f(row, col, make_float4(even[e], odd[e], even[e + 1], odd[e + 1]));
    }
}

// B of a product across its rows: four neighbours of the rows `first` and `second`.
template <bool Tail>
__device__ inline void load_across(const float* first, const float* second, int k_first,
                                   int k_second, int K, TileOperands& x) {
  const float4 y0 = within<Tail>(load4(first), k_first, K),
               y1 = within<Tail>(load4(second), k_second, K);
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    x.b[n][0] = component(y0, n);
    x.b[n][1] = component(y1, n);
  }
}

// c[i][n] = sum_k A(i)[k] B(k)[n]. f of each_nn sees it.
template <class A, class B>
__device__ inline void product_nn(int M, int N, int K, int tile, const A& a, const B& b,
                                  TileSums& sums) {
  const Place p = place_of(tile, N);
  const Walk<A, 4, 8> rows(a, p.row + p.g, M);
  const int col = p.col + 4 * p.g;
  const float* from = b(2 * p.t) + (col < N ? col : 0);
  clear(sums);
  each_depth(K, [&]<bool Tail>(int k) {
    TileOperands x;
    load_along<Tail>(rows, k, p.t, K, x);
    const float* at = from + k * b.stride();
    load_across<Tail>(at, at + b.stride(), k + 2 * p.t, k + 2 * p.t + 1, K, x);
    multiply_add(sums, x);
  });
}
// As each_nt, of products whose columns stand four by four. row: of the lane's four, from 0.
template <class Row, class F>
__device__ inline void each_across(const TileSums& sums, const Place& p, int M, int N, Row row,
                                   F f) {
#pragma unroll
  for (int r = 0; r < 4; ++r)
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int i = row(r), col = p.col + 8 * p.t + 4 * e, at = r % 2 * 2 + e;
      const auto& c = sums.c[r / 2];
      if (i < M && col < N) f(i, col, make_float4(c[0][at], c[1][at], c[2][at], c[3][at]));
    }
}
template <class F>
__device__ inline void each_nn(const TileSums& sums, int tile, int M, int N, F f) {
  const Place p = place_of(tile, N);
  each_across(sums, p, M, N, [&](int r) { return p.row + p.g + 8 * r; }, f);
}

// c[m][n] = sum_i A(i)[m] B(i)[n]: the gradient of a weight matrix. f of each_tn sees it.
template <class A, class B>
__device__ inline void product_tn(int M, int N, int K, int tile, const A& a, const B& b,
                                  TileSums& sums) {
  const Place p = place_of(tile, N);
  const int row = p.row + 4 * p.g, col = p.col + 4 * p.g;
  const int m = row < M ? row : 0, n = col < N ? col : 0;
  clear(sums);
  each_depth(K, [&]<bool Tail>(int k) {
    const int i = k + p.t, j = k + p.t + 4;
    const auto inside = [&](int at) { return !Tail || is_rows<B> || at < K ? at : K - 1; };
    TileOperands x;
    const float4 x0 = within<Tail>(load4(a(i) + m), i, K), x1 = within<Tail>(load4(a(j) + m), j, K);
#pragma unroll
    for (int r = 0; r < 4; ++r) {
      x.a[r / 2][r % 2] = component(x0, r);
      x.a[r / 2][r % 2 + 2] = component(x1, r);
    }
    load_across<Tail>(b(inside(i)) + n, b(inside(j)) + n, i, j, K, x);
    multiply_add(sums, x);
  });
}
template <class F>
__device__ inline void each_tn(const TileSums& sums, int tile, int M, int N, F f) {
  const Place p = place_of(tile, N);
  each_across(sums, p, M, N, [&](int r) { return p.row + 4 * p.g + r; }, f);
}

// W <- keep W - lr gradient, four numbers
__device__ inline void step4(float* W, float keep, float lr, const float4& gradient) {
  store4(W, fma4(-lr, gradient, scaled(keep, load4(W))));
}

// A layer out = in W^T backwards, in place: W -= lr dOut^T In (+ decay), In <- (dOut W) where
// mask(old in), both from the old W. W: outs x ins. Every tile of dW stays in registers until In
// has been replaced. Begins and ends with a barrier. HeldTiles: of a warp; d = 128 has 16 tiles,
// which 16 or 8 warps hold.
template <int HeldTiles, class Out, class In, class Weights, class Mask>
__device__ inline void backward_layer(int n, int outs, int ins, const Out& d_out, const In& in,
                                      const Weights& W, float keep, float lr, Mask mask) {
  TileSums held[HeldTiles];
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
    TileSums t;
    product_nn(n, ins, outs, tile, d_out, W, t);
    each_nn(t, tile, n, ins, [&](int i, int k, const float4& gradient) {
      float* x = in(i) + k;
      const float4 was = load4(x);
      store4(x, make_float4(mask(was.x) ? gradient.x : 0.0f, mask(was.y) ? gradient.y : 0.0f,
                            mask(was.z) ? gradient.z : 0.0f, mask(was.w) ? gradient.w : 0.0f));
    });
  }
  __syncthreads();
#pragma unroll
  for (int h = 0; h < HeldTiles; ++h) {
    const int tile = warp() + h * warps();
    if (tile >= weight_tiles) continue;
    each_tn(held[h], tile, outs, ins,
            [&](int o, int k, const float4& gradient) { step4(W(o) + k, keep, lr, gradient); });
  }
  __syncthreads();
}

// out(i, o) = max(sum + bias(o), 0), four at a time
__device__ inline void store_relu(float* out, const float4& sum, const float* bias) {
  const float4 b = load4(bias);
  store4(out, make_float4(fmaxf(sum.x + b.x, 0.0f), fmaxf(sum.y + b.y, 0.0f),
                          fmaxf(sum.z + b.z, 0.0f), fmaxf(sum.w + b.w, 0.0f)));
}

// out(i, o) = max(in(i) . W(o) + bias(o), 0). Ends with a barrier.
template <class In, class Weights, class Out>
__device__ inline void forward_layer(int n, int outs, int ins, const In& in, const Weights& W,
                                     const float* bias, const Out& out) {
#pragma unroll 1
  for (int tile = warp(); tile < tiles(n, outs); tile += warps()) {
    TileSums t;
    product_nt(n, outs, ins, tile, in, W, t);
    each_nt(t, tile, n, outs,
            [&](int i, int o, const float4& sum) { store_relu(out(i) + o, sum, bias + o); });
  }
  __syncthreads();
}

}  // namespace
}  // namespace fedfuse::local_train
