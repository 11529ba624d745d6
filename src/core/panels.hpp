#pragma once
// Matrices in panels, and vectors of the target's widest registers.
//
// A panel is `width` columns, row behind row; one panel stands behind the other. So the addresses
// of a tile (core/tiles.hpp) are a base and constants, and its panel of the right factor is one
// block of the L1 cache. Columns are padded with zeros to whole vectors: no inner loop has a tail.
#include <algorithm>
#include <cstddef>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "core/simd.hpp"

namespace fedfuse::panels {

using simd::Widest;
inline constexpr int lanes = simd::widest_lanes;
// With 32 registers (AVX-512) a tile of 6 x 4 vectors, with 16 (AVX2) one of 6 x 2: the sums, a row
// of the right factor and one number of the left.
inline constexpr int most_vectors = lanes == 16 ? 4 : 2;
inline constexpr int width = most_vectors * lanes;

constexpr int padded(int columns) { return (columns + lanes - 1) / lanes * lanes; }

struct Panels {
  float* data = nullptr;
  long rows = 0;  // of each panel
  // column: of a vector's first lane, or any where one float is read
  [[nodiscard]] float* at(long row, int column) const {
    const auto c = unsigned(column), w = unsigned(width);
    return data + (long(c / w) * rows + row) * width + c % w;
  }
  static std::size_t floats(long rows, int columns) {
    return std::size_t((columns + width - 1) / width) * std::size_t(rows) * width;
  }
};

inline Widest load(const float* p) { return simd::load_as<Widest>(p); }
inline void store(float* p, Widest v) { simd::store_as(p, v); }
inline Widest relu(Widest x) { return simd::max(x, Widest{}); }
// y where h > 0, else 0
inline Widest where_positive(Widest h, Widest y) { return h > 0.0f ? y : Widest{}; }

// The first n numbers; the other lanes are 0. Nothing beyond them is read.
inline Widest load_first(const float* p, int n) {
  if (n >= lanes) return load(p);
#if defined(__AVX512F__)
  return Widest(_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1u), p));
#else
  Widest v{};
  for (int l = 0; l < n; ++l) v[l] = p[l];
  return v;
#endif
}
inline void store_first(float* p, Widest v, int n) {
  if (n >= lanes) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1u), __m512(v));
#else
  for (int l = 0; l < n; ++l) p[l] = v[l];
#endif
}

// The eight lanes from `first` on: 0 or 8.
inline simd::Float8 eight(Widest v, int first) {
#ifdef __AVX512F__
  return first == 0 ? __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
                    : __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
  simd::Float8 part;
  std::memcpy(&part, reinterpret_cast<const char*>(&v) + first * sizeof(float), sizeof part);
  return part;
}
inline float sum(Widest v) {
  simd::Float8 total = eight(v, 0);
  for (int at = simd::lanes; at < lanes; at += simd::lanes) total += eight(v, at);
  return simd::sum(total);
}
// The sums of eight vectors, one a lane: fewer shuffles than eight sums.
inline simd::Float8 sums_of_eight(const Widest (&v)[simd::lanes]) {
  using simd::Float8;
  Float8 x[simd::lanes];
  for (int i = 0; i < simd::lanes; ++i) {
    x[i] = eight(v[i], 0);
    for (int at = simd::lanes; at < lanes; at += simd::lanes) x[i] += eight(v[i], at);
  }
  const auto pairs = [](Float8 a, Float8 b) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  };
  const auto fours = [](Float8 a, Float8 b) {
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  };
  const Float8 a = fours(pairs(x[0], x[1]), pairs(x[2], x[3])),
               b = fours(pairs(x[4], x[5]), pairs(x[6], x[7]));
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}
#ifdef __AVX512F__
// Sums of pairs of lanes, those of a in the even places and those of b in the odd ones (stride 1),
// and so on: half of what moves is a blend, which either unit takes.
template <int Stride>
Widest pair_sums(Widest a, Widest b) {
  if constexpr (Stride == 1)
    return __builtin_shufflevector(a, b, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14,
                                   31) +
           __builtin_shufflevector(a, b, 1, 16, 3, 18, 5, 20, 7, 22, 9, 24, 11, 26, 13, 28, 15, 30);
  else if constexpr (Stride == 2)
    return __builtin_shufflevector(a, b, 0, 1, 18, 19, 4, 5, 22, 23, 8, 9, 26, 27, 12, 13, 30, 31) +
           __builtin_shufflevector(a, b, 2, 3, 16, 17, 6, 7, 20, 21, 10, 11, 24, 25, 14, 15, 28,
                                   29);
  else if constexpr (Stride == 4)
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 20, 21, 22, 23, 8, 9, 10, 11, 28, 29, 30, 31) +
           __builtin_shufflevector(a, b, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26,
                                   27);
  else
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31) +
           __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                   23);
}
// The sums of vector(i), i in first + [0, 2 Stride), one a lane.
template <int Stride, class Vector>
Widest sums_of_lanes(const Vector& vector, int first = 0) {
  if constexpr (Stride == 0) {
    return vector(first);
  } else {
    constexpr int half = Stride / 2;
    return pair_sums<Stride>(sums_of_lanes<half>(vector, first),
                             sums_of_lanes<half>(vector, first + Stride));
  }
}
#endif
// s[i] += the sum of vector(i), for i < n. s: padded to a multiple of 8.
template <class Vector>
void add_sums(int n, float* s, const Vector& vector) {
  const auto group = [&](int i, int count) {
    Widest v[simd::lanes];
#pragma GCC unroll 8
    for (int l = 0; l < simd::lanes; ++l) v[l] = l < count ? vector(i + l) : Widest{};
    simd::store(s + i, simd::load(s + i) + sums_of_eight(v));
  };
  int i = 0;
#ifdef __AVX512F__
  for (; i + lanes <= n; i += lanes)
    store(s + i, load(s + i) + sums_of_lanes<lanes / 2>([&](int l) { return vector(i + l); }));
#endif
  for (; i + simd::lanes <= n; i += simd::lanes) group(i, simd::lanes);
  if (i < n) group(i, n - i);
}
inline float total(const float* x, int n) {
  Widest sums{};
  for (int k = 0; k < n; k += lanes) sums += load_first(x + k, n - k);
  return sum(sums);
}
// Sums of many vectors, in double.
class DoubleSums {
 public:
  void add(Widest x) {
#ifdef __AVX512F__
    const auto in_double = [](simd::Float8 half) {
      return Double8(_mm512_maskz_cvtps_pd(__mmask8(-1), __m256(half)));
    };
    sums_ += in_double(eight(x, 0)) + in_double(eight(x, simd::lanes));
    return;
#endif
    for (int at = 0; at < lanes; at += simd::lanes)
      sums_ += __builtin_convertvector(eight(x, at), Double8);
  }
  [[nodiscard]] double total() const {
    const auto s = sums_;
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
  }

 private:
  using Double8 = double __attribute__((vector_size(64)));
  Double8 sums_{};
};

// to = from^T; rows and columns: whole blocks of 8, as padded
inline void transpose(int rows, int columns, const Panels& from, const Panels& to) {
  for (int r = 0; r < rows; r += simd::lanes)
    for (int c = 0; c < columns; c += simd::lanes)
      simd::transpose_block(from.at(r, c), width, to.at(c, r), width);
}

// n numbers, and zeros to a whole vector.
inline void copy_padded(const float* from, int n, float* to) {
  for (int k = 0; k < n; k += lanes) store(to + k, load_first(from + k, n - k));
}

// A row of `columns` numbers to row r of a matrix, padded with zeros.
inline void put_row(const float* from, int columns, const Panels& to, long r) {
  for (int c = 0; c < columns; c += lanes) store(to.at(r, c), load_first(from + c, columns - c));
}
inline void get_row(const Panels& from, long r, float* to, int columns) {
  for (int c = 0; c < columns; c += lanes) store_first(to + c, load(from.at(r, c)), columns - c);
}

// Up to most_vectors vectors of columns of rows that stand anywhere; Whole: no tail.
template <int Vectors, bool Whole>
struct Columns {
  struct Values {
    Widest v[Vectors];
  };
  int column = 0, left = 0;  // left: columns from `column` on

  static Values zero() { return {}; }
  Values load(const float* row) const {
    Values x;
    for (int v = 0; v < Vectors; ++v) x.v[v] = at(row, v);
    return x;
  }
  Widest dot(const Values& w, const float* row) const {
    Widest sum = w.v[0] * at(row, 0);
    for (int v = 1; v < Vectors; ++v) sum += w.v[v] * at(row, v);
    return sum;
  }
  // to += alpha row
  void add(float alpha, const float* row, Values& to) const { add(alpha, load(row), to); }
  static void add(float alpha, const Values& x, Values& to) {
    for (int v = 0; v < Vectors; ++v) to.v[v] += alpha * x.v[v];
  }
  // row = keep row + alpha x; returns the old row
  Values step(float keep, float alpha, const Values& x, float* row) const {
    const Values old = load(row);
    for (int v = 0; v < Vectors; ++v) put(row, v, simd::stepped(keep, old.v[v], alpha, x.v[v]));
    return old;
  }
  // row = old + alpha x
  void store_step(const Values& old, float alpha, const Values& x, float* row) const {
    for (int v = 0; v < Vectors; ++v) put(row, v, old.v[v] + alpha * x.v[v]);
  }
  void store_row(const Values& x, float* row) const {
    for (int v = 0; v < Vectors; ++v) put(row, v, x.v[v]);
  }
  // row = what add(i, sum) adds up for i < n, in two chains of additions
  template <class Add>
  void store_sum_of(int n, float* row, const Add& add) const {
    Values even{}, odd{};
    int i = 0;
    for (; i + 2 <= n; i += 2) {
      add(i, even);
      add(i + 1, odd);
    }
    if (i < n) add(i, even);
    for (int v = 0; v < Vectors; ++v) put(row, v, even.v[v] + odd.v[v]);
  }

 private:
  Widest at(const float* row, int v) const {
    const float* p = row + column + v * lanes;
    return Whole ? panels::load(p) : load_first(p, left - v * lanes);
  }
  void put(float* row, int v, Widest x) const {
    float* p = row + column + v * lanes;
    return Whole ? store(p, x) : store_first(p, x, left - v * lanes);
  }
};
// work(columns) for all `columns` of rows.
template <class Work>
void for_columns(int columns, const Work& work) {
  int c = 0;
  for (; c + width <= columns; c += width)
    work(Columns<most_vectors, true>{.column = c, .left = columns - c});
  for (; c < columns; c += lanes) work(Columns<1, false>{.column = c, .left = columns - c});
}

// y = keep y + alpha x, vectors of any length: one SGD step with decay
inline void step(float keep, float alpha, const float* x, float* y, int n) {
  for (int k = 0; k < n; k += lanes)
    store_first(y + k,
                simd::stepped(keep, load_first(y + k, n - k), alpha, load_first(x + k, n - k)),
                n - k);
}

}  // namespace fedfuse::panels
