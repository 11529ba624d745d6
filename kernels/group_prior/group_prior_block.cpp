#include "kernels/group_prior/group_prior_block.hpp"

#ifdef __AVX__
#include <immintrin.h>
#endif

#include <algorithm>

#include "core/simd.hpp"
#include "core/small_gemm.hpp"

namespace fedfuse::group_prior {
namespace {

using simd::Float8;
using simd::lanes;
constexpr int tile_items = 4, tile_groups = 2;  // of the logits
constexpr int back_groups = 4;                  // of the way back

Array<float> padded(const float* from, std::int64_t rows, std::int64_t cols, std::int64_t to_rows,
                    std::int64_t to_cols) {
  Array<float> to(std::size_t(to_rows * to_cols), 0.0f);
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(from + r * cols, cols, to.data() + r * to_cols);
  return to;
}

// max(0, x), and NaN where x is; GCC makes a comparison and a mask of simd::max.
Float8 relu(Float8 x) {
#ifdef __AVX__
  return Float8(_mm256_max_ps(_mm256_setzero_ps(), __m256(x)));
#else
  return simd::max(simd::splat(0.0f), x);
#endif
}

// Neighbours added: pairs of a and of b; then fours, eights.
Float8 pairs(Float8 a, Float8 b) {
  return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
         __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}
Float8 fours(Float8 a, Float8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
         __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
}
Float8 eights(Float8 a, Float8 b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}

// W . ReLU(c + A) of four items and two groups, h summed in eight lanes. Each accumulator is set on
// its own: zeros for all at once would be stores of 64 bytes, and those halve the rate of the rest.
void logits_tile(const float* C, std::int64_t row, const float* A, const float* W, std::int64_t h,
                 float* L, std::int64_t G) {
  Float8 acc[tile_groups][tile_items];
#pragma GCC unroll 8
  for (int t = 0; t < tile_groups * tile_items; ++t)
    acc[t / tile_items][t % tile_items] = simd::splat(0.0f);
  for (std::int64_t k = 0; k < h; k += lanes) {
#pragma GCC unroll 8
    for (int l = 0; l < tile_groups; ++l) {
      const Float8 a = simd::load(A + l * h + k), w = simd::load(W + l * h + k);
#pragma GCC unroll 8
      for (int i = 0; i < tile_items; ++i) acc[l][i] += w * relu(simd::load(C + i * row + k) + a);
    }
  }
  const Float8 first = fours(pairs(acc[0][0], acc[0][1]), pairs(acc[0][2], acc[0][3])),
               second = fours(pairs(acc[1][0], acc[1][1]), pairs(acc[1][2], acc[1][3]));
  const Float8 all = eights(first, second);
#pragma GCC unroll 8
  for (int t = 0; t < tile_groups * tile_items; ++t)
    L[(t % tile_items) * G + t / tile_items] = all[t];
}

// Eight hidden units of n items and four groups: the units' dV and sums of g [H > 0] grow in
// registers, and dL/dC in memory.
void back_tile(const float* C, std::int64_t row, const float* g, std::int64_t G, std::int64_t n,
               const float* A, const float* W, std::int64_t h, float* dA, float* dV, float* gc) {
  const Float8 zero = simd::splat(0.0f);
  Float8 a[back_groups], w[back_groups], da[back_groups], dv[back_groups];
#pragma GCC unroll 8
  for (int l = 0; l < back_groups; ++l) {
    a[l] = simd::load(A + l * h);
    w[l] = simd::load(W + l * h);
    da[l] = simd::load(dA + l * h);
    dv[l] = simd::load(dV + l * h);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const Float8 c = simd::load(C + i * row);
    Float8 up = simd::load(gc + i * row);
#pragma GCC unroll 8
    for (int l = 0; l < back_groups; ++l) {
      const Float8 x = c + a[l];
      const Float8 active = x > zero ? simd::splat(g[i * G + l]) : zero;
      da[l] += active;
      dv[l] += active * x;
      up += active * w[l];
    }
    simd::store(gc + i * row, up);
  }
#pragma GCC unroll 8
  for (int l = 0; l < back_groups; ++l) {
    simd::store(dA + l * h, da[l]);
    simd::store(dV + l * h, dv[l]);
  }
}

// From L to g in place, eight groups; the loss of each, times total.
Float8 slope(float* L, Float8 S, Float8 N, Float8 inverse_total) {
  const Float8 x = simd::load(L), one = simd::splat(1.0f), zero = simd::splat(0.0f);
  const Float8 magnitude = x > zero ? x : -x;
  const Float8 e = simd::exp(-magnitude);
  const Float8 p = (x > zero ? one : e) / (one + e);
  const Float8 softplus = simd::max(zero, x) + simd::log_1_to_2(one + e);
  simd::store(L, (p * (S + N) - S) * inverse_total);
  return (S + N) * softplus - S * x;
}

}  // namespace

Operators::Operators(const Problem& p) : at(p.layout) {
  const auto& l = p.layout;
  if (l.h == at.h)
    U.pack(p.parameters + l.U, l.h, l.P, l.P);
  else
    U.pack(padded(p.parameters + l.U, l.h, l.P, at.h, l.P).data(), at.h, l.P, l.P);
  A = padded(p.parameters + l.A, l.G, l.h, at.G, at.h);
  W = padded(p.parameters + l.V, l.G, l.h, at.G, at.h);
  for (std::int64_t g = 0; g < l.G; ++g)
    for (std::int64_t k = 0; k < l.h; ++k)
      W[std::size_t(g * at.h + k)] += p.parameters[l.v + std::size_t(k)];
  b = padded(p.parameters + l.b, 1, l.G, 1, at.G);
  if (p.N != nullptr) N = padded(p.N, 1, l.G, 1, at.G);
}

Block::Block(const Layout& layout)
    : at_(layout),
      groups_(layout.G),
      row_(at_.h % 32 == 0 ? at_.h + 16 : at_.h),
      C_(std::size_t(block_items * row_), 0.0f),
      gc_(C_.size(), 0.0f),
      L_(std::size_t(block_items * at_.G), 0.0f),
      S_(L_.size(), 0.0f),
      Z_(at_.P == layout.P ? 0 : std::size_t(block_items * at_.P), 0.0f),
      gradient_(at_.size, 0.0f) {}

void Block::forward(const Problem& p, const Operators& op, std::int64_t first, std::int64_t n) {
  op.U.product(p.Z + first * p.layout.P, n, p.layout.P, C_.data(), row_);
  // A tile may take rows of an earlier block beyond n, whose logits nobody reads.
  for (std::int64_t i = 0; i < n; i += tile_items)
    for (std::int64_t l = 0; l < p.layout.G; l += tile_groups)
      logits_tile(C_.data() + i * row_, row_, op.A.data() + l * at_.h, op.W.data() + l * at_.h,
                  at_.h, L_.data() + i * at_.G + l, at_.G);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t l = 0; l < at_.G; ++l) L_[std::size_t(i * at_.G + l)] += op.b[std::size_t(l)];
}

void Block::logits(const Problem& p, const Operators& op, std::int64_t first, std::int64_t n,
                   float* out) {
  forward(p, op, first, n);
  const auto G = p.layout.G;
  for (std::int64_t i = 0; i < n; ++i) std::copy_n(L_.data() + i * at_.G, G, out + (first + i) * G);
}

double Block::slopes(const Problem& p, const Operators& op, std::int64_t first, std::int64_t n) {
  const auto G = p.layout.G;
  const Float8 inverse = simd::splat(float(1.0 / p.total));
  float* db = gradient_.data() + at_.b;
  double loss = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    float* S = S_.data() + i * at_.G;
    std::copy_n(p.S + (first + i) * G, G, S);
    const Float8 part = simd::splat(p.c == nullptr ? 1.0f : p.c[first + i]);
    Float8 of_item{};
    for (std::int64_t l = 0; l < at_.G; l += lanes) {
      float* L = L_.data() + i * at_.G + l;
      of_item += slope(L, simd::load(S + l), part * simd::load(op.N.data() + l), inverse);
      simd::store(db + l, simd::load(db + l) + simd::load(L));
    }
    loss += double(simd::sum(of_item));
  }
  return loss / p.total;
}

const float* Block::features(const Problem& p, std::int64_t first, std::int64_t n) {
  const auto P = p.layout.P;
  const float* from = p.Z + first * P;
  if (P == at_.P) return from;
  for (std::int64_t i = 0; i < n; ++i) std::copy_n(from + i * P, P, Z_.data() + i * at_.P);
  return Z_.data();
}

void Block::backward(const Operators& op, std::int64_t first, std::int64_t n) {
  for (std::int64_t k = 0; k < at_.h; k += lanes)
    for (std::int64_t l = 0; l < groups_; l += back_groups) {
      const auto at = l * at_.h + k;
      back_tile(C_.data() + first * row_ + k, row_, L_.data() + first * at_.G + l, at_.G, n,
                op.A.data() + at, op.W.data() + at, at_.h, gradient_.data() + at_.A + at,
                gradient_.data() + at_.V + at, gc_.data() + first * row_ + k);
    }
}

double Block::gradient(const Problem& p, const Operators& op, std::int64_t first, std::int64_t n) {
  constexpr std::int64_t near = 64;  // items whose columns stay in L1
  forward(p, op, first, n);
  std::fill(gradient_.begin() + std::ptrdiff_t(at_.A), gradient_.end(), 0.0f);
  const double loss = slopes(p, op, first, n);
  std::fill_n(gc_.begin(), n * row_, 0.0f);
  for (std::int64_t i = 0; i < n; i += near) backward(op, i, std::min(near, n - i));
  small::gemm(int(at_.h), int(at_.P), int(n), small::transpose_of(gc_.data(), row_),
              features(p, first, n), at_.P, gradient_.data() + at_.U, at_.P);
  return loss;
}

}  // namespace fedfuse::group_prior
