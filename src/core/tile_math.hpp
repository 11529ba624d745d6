#pragma once
// Arithmetic on tiles: element (k, lane) of a tile with ld lanes stands at [k * ld + lane], one
// item a lane. Every lane goes through the same operations in the same order whatever the width of
// the tile, so an item's score has the same bits in a full tile and in a gathered one.
#ifdef __FMA__
#include <immintrin.h>
#endif

#include <cmath>

#include "core/simd.hpp"

namespace fedfuse::tilemath {

inline constexpr int lanes = simd::lanes;
inline constexpr int tile_items = 64;
using simd::Float8;

// acc + a b, always fused where the processor can, never elsewhere: the compiler has no choice to
// make.
inline Float8 madd(Float8 acc, Float8 a, Float8 b) {
#ifdef __FMA__
  return Float8(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(acc)));
#elif defined(__FP_FAST_FMAF)
  for (int l = 0; l < lanes; ++l) acc[l] = __builtin_fmaf(a[l], b[l], acc[l]);
  return acc;
#else
  return acc + a * b;
#endif
}
inline float madd(float acc, float a, float b) {
#ifdef __FP_FAST_FMAF
  return __builtin_fmaf(a, b, acc);
#else
  return acc + a * b;
#endif
}
// Keeps x in a register: GCC would rather read it from memory again for every use, and loads are
// what runs out first.
inline void keep(Float8& x) {
#ifdef __AVX__
  asm("" : "+x"(x));
#else
  (void)x;
#endif
}
inline Float8 relu(Float8 x) { return simd::max(x, simd::splat(0.0f)); }

// acc[lane] += sum_k g[k] in[k][lane], k ascending; V vectors of lanes.
template <int V>
inline void chain(Float8 (&acc)[V], const float* in, const float* g, int n) {
  for (int k = 0; k < n; ++k) {
    const Float8 weight = simd::splat(g[k]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v)
      acc[v] = madd(acc[v], weight, simd::load(in + k * V * lanes + v * lanes));
  }
}

// The same for several clients over one full tile. Every load of the tile serves all of them.
template <int Clients>
struct ClientChain {
  const float* in = nullptr;
  const float* g[Clients] = {};
  int n = 0;
};
template <int Clients, int Vec>
inline void add_chain(Float8 (&acc)[Clients][Vec], const ClientChain<Clients>& chain, int first) {
  for (int k = 0; k < chain.n; ++k) {
    Float8 x[Vec];
#pragma GCC unroll 8
    for (int v = 0; v < Vec; ++v) {
      x[v] = simd::load(chain.in + k * tile_items + first + v * lanes);
      keep(x[v]);
    }
#pragma GCC unroll 8
    for (int c = 0; c < Clients; ++c) {
      const Float8 weight = simd::splat(chain.g[c][k]);
#pragma GCC unroll 8
      for (int v = 0; v < Vec; ++v) acc[c][v] = madd(acc[c][v], weight, x[v]);
    }
  }
}
// out[c][lane] = bias[c] + the one chain of client c, then the other.
template <int Clients>
inline void chain_clients(const float (&bias)[Clients], const ClientChain<Clients>& one,
                          const ClientChain<Clients>& other, float* const (&out)[Clients]) {
  constexpr int vec = 2;
  for (int first = 0; first < tile_items; first += vec * lanes) {
    Float8 acc[Clients][vec];
    for (int c = 0; c < Clients; ++c)
      for (int v = 0; v < vec; ++v) acc[c][v] = simd::splat(bias[c]);
    add_chain(acc, one, first);
    add_chain(acc, other, first);
    for (int c = 0; c < Clients; ++c)
      for (int v = 0; v < vec; ++v) simd::store(out[c] + first + v * lanes, acc[c][v]);
  }
}

// d numbers of each of n <= ld rows into a tile of d x ld, eight by eight where that fits. Reads
// whole groups of 8 rows.
inline void transpose(const float* rows, std::int64_t stride, int n, int d, float* tile, int ld) {
  for (int c = 0; c < n; c += lanes) {
    int k = 0;
    for (; k + lanes <= d; k += lanes)
      simd::transpose_block(rows + c * stride + k, stride, tile + k * ld + c, ld);
    for (; k < d; ++k)
      for (int i = 0; i < lanes; ++i) tile[k * ld + c + i] = rows[(c + i) * stride + k];
  }
}

// A layer: n_out x n_in weights with row stride ldw.
struct Layer {
  const float* weight;
  int ldw, n_out, n_in;
  const float* bias;  // n_out, added after the sum; null: 0
};

template <int Out, int Vec, bool Relu>
inline void dense_block(const Layer& layer, int o, const float* in, int ld, float* out) {
  Float8 acc[Out][Vec] = {};
  for (int k = 0; k < layer.n_in; ++k) {
    Float8 x[Vec];
#pragma GCC unroll 8
    for (int v = 0; v < Vec; ++v) {
      x[v] = simd::load(in + k * ld + v * lanes);
      keep(x[v]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Out; ++r) {
      const Float8 w = simd::splat(layer.weight[(o + r) * layer.ldw + k]);
#pragma GCC unroll 8
      for (int v = 0; v < Vec; ++v) acc[r][v] = madd(acc[r][v], w, x[v]);
    }
  }
  for (int r = 0; r < Out; ++r)
    for (int v = 0; v < Vec; ++v) {
      Float8 y = acc[r][v];
      if (layer.bias != nullptr) y += simd::splat(layer.bias[o + r]);
      simd::store(out + (o + r) * ld + v * lanes, Relu ? relu(y) : y);
    }
}

// out[o][lane] = (ReLU of) sum_k W[o, k] in[k][lane] + bias[o]; tiles of V vectors. in and out must
// not overlap.
template <int V, bool Relu>
inline void dense(const Layer& layer, const float* in, float* out) {
  constexpr int ld = V * lanes, vec = V == 1 ? 1 : 2, rows = V == 1 ? 8 : 4;
  for (int v = 0; v < V; v += vec) {
    int o = 0;
    for (; o + rows <= layer.n_out; o += rows)
      dense_block<rows, vec, Relu>(layer, o, in + v * lanes, ld, out + v * lanes);
    for (; o < layer.n_out; ++o)
      dense_block<1, vec, Relu>(layer, o, in + v * lanes, ld, out + v * lanes);
  }
}

// work.operator()<V>() with the fewest vectors of 8 lanes that hold n items, a power of two up to
// 8.
template <class Work>
void with_vectors(int n, const Work& work) {
  if (n <= lanes) return work.template operator()<1>();
  if (n <= 2 * lanes) return work.template operator()<2>();
  if (n <= 4 * lanes) return work.template operator()<4>();
  work.template operator()<8>();
}

}  // namespace fedfuse::tilemath
