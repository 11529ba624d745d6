#pragma once
// Eight floats at a time with the compiler's vector extension: the same source for any instruction
// set.
#include <cstdint>

#ifdef __AVX__
#include <immintrin.h>
#endif

namespace fedfuse::simd {

using Float8 = float __attribute__((vector_size(32), aligned(4), may_alias));
using Int8 = std::int32_t __attribute__((vector_size(32), aligned(4), may_alias));
inline constexpr int lanes = 8;

// As many floats as a register of the target holds, for products. Every lane goes through the same
// operations, so the width changes no bit.
#ifdef __AVX512F__
using Widest = float __attribute__((vector_size(64), aligned(4), may_alias));
#else
using Widest = Float8;
#endif
inline constexpr int widest_lanes = int(sizeof(Widest) / sizeof(float));
template <class Vector>
inline Vector load_as(const float* p) {
  return *reinterpret_cast<const Vector*>(p);
}
template <class Vector>
inline void store_as(float* p, Vector v) {
  *reinterpret_cast<Vector*>(p) = v;
}

// x, a product, as it is rounded: the compiler must not fuse it into the addition that follows, so
// that in keep c + alpha x it has no choice which of the two to fuse.
template <class T>
inline T rounded(T x) {
#if defined(__AVX512F__)
  asm("" : "+v"(x));
#elif defined(__FMA__)
  asm("" : "+x"(x));
#endif
  return x;
}
// keep x + alpha g: one SGD step with decay, with one choice of roundings.
template <class T>
inline T stepped(float keep, T x, float alpha, T g) {
  return keep * x + rounded(alpha * g);
}

inline Float8 load(const float* p) { return *reinterpret_cast<const Float8*>(p); }
inline void store(float* p, Float8 v) { *reinterpret_cast<Float8*>(p) = v; }
inline Float8 splat(float x) { return Float8{x, x, x, x, x, x, x, x}; }
// a > b ? a : b, also for NaN, which the compiler takes two instructions for.
template <class Vector>
inline Vector max(Vector a, Vector b) {
#ifdef __AVX512F__
  if constexpr (sizeof(Vector) == 64)
    return Vector(_mm512_maskz_max_ps(__mmask16(-1), __m512(a), __m512(b)));
#endif
#ifdef __AVX__
  if constexpr (sizeof(Vector) == 32) return Vector(_mm256_max_ps(__m256(a), __m256(b)));
#endif
  return a > b ? a : b;
}
template <class Vector>
inline Vector min(Vector a, Vector b) {
#ifdef __AVX512F__
  if constexpr (sizeof(Vector) == 64)
    return Vector(_mm512_maskz_min_ps(__mmask16(-1), __m512(a), __m512(b)));
#endif
#ifdef __AVX__
  if constexpr (sizeof(Vector) == 32) return Vector(_mm256_min_ps(__m256(a), __m256(b)));
#endif
  return a < b ? a : b;
}
// x in every lane
template <class Vector>
inline Vector splat_as(float x) {
  return x - Vector{};
}
inline float sum(Float8 v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

// `using` drops the attribute of a type that depends on a template:
// NOLINTBEGIN(modernize-use-using)
template <class Vector>
struct OfLanes {
  typedef std::int32_t Ints __attribute__((vector_size(sizeof(Vector)), aligned(4), may_alias));
};
// NOLINTEND(modernize-use-using)

// exp(x), relative error below 2e-7 for |x| < 87, clamped outside (polynomial after Cephes' expf).
template <class Vector>
inline Vector exp(Vector x) {
  using Ints = OfLanes<Vector>::Ints;
  const auto splat = [](float value) { return splat_as<Vector>(value); };
  x = min(max(x, splat(-87.0f)), splat(87.0f));
  // beside 1.5 2^23 a number has no bits behind the point: n's low bits are the nearest integer
  const Vector shift = splat(12582912.0f), n = x * 1.44269504088896341f + shift, k = n - shift;
  const Vector r = x - k * 0.693359375f - k * -2.12194440e-4f;
  Vector y = splat(1.9875691500e-4f);
  y = y * r + splat(1.3981999507e-3f);
  y = y * r + splat(8.3334519073e-3f);
  y = y * r + splat(4.1665795894e-2f);
  y = y * r + splat(1.6666665459e-1f);
  y = y * r + splat(5.0000001201e-1f);
  y = y * r * r + r + splat(1.0f);
  return reinterpret_cast<Vector>(reinterpret_cast<Ints>(y) + (reinterpret_cast<Ints>(n) << 23));
}

// log(x) for x in [1, 2], absolute error below 1e-7 (polynomial after Cephes' logf).
template <class Vector>
inline Vector log_1_to_2(Vector x) {
  using Ints = OfLanes<Vector>::Ints;
  const auto splat = [](float value) { return splat_as<Vector>(value); };
  const Ints upper = x > splat(1.41421356f);
  const Vector m = upper ? x * 0.5f : x;
  const Vector t = m - splat(1.0f), z = t * t;
  Vector y = splat(7.0376836292e-2f);
  y = y * t + splat(-1.1514610310e-1f);
  y = y * t + splat(1.1676998740e-1f);
  y = y * t + splat(-1.2420140846e-1f);
  y = y * t + splat(1.4249322787e-1f);
  y = y * t + splat(-1.6668057665e-1f);
  y = y * t + splat(2.0000714765e-1f);
  y = y * t + splat(-2.4999993993e-1f);
  y = y * t + splat(3.3333331174e-1f);
  y = y * t * z - 0.5f * z + t;
  return upper ? y + splat(0.693147180559945f) : y;
}

// log(x) for normal x >= 1, relative error below 2e-7 and absolute below 1e-7 near 1.
template <class Vector>
inline Vector log_above_1(Vector x) {
  using Ints = OfLanes<Vector>::Ints;
  constexpr int mantissa = 23, bias = 127;
  const Ints bits = reinterpret_cast<Ints>(x), k = (bits >> mantissa) - bias;
  const Ints of_one = (bits & ((1 << mantissa) - 1)) | (bias << mantissa);
  return log_1_to_2(reinterpret_cast<Vector>(of_one)) +
         __builtin_convertvector(k, Vector) * 0.693147180559945f;
}
// 1 / x, relative error below 2e-7, for 1 <= x <= 2.
template <class Vector>
inline Vector reciprocal_1_to_2(Vector x) {
#ifdef __AVX512F__
  if constexpr (sizeof(Vector) == 64) {
    const auto guess = Vector(_mm512_maskz_rcp14_ps(__mmask16(-1), __m512(x)));
    return guess + guess * (splat_as<Vector>(1.0f) - x * guess);
  }
#endif
  return splat_as<Vector>(1.0f) / x;
}

// One 8 x 8 block: three rounds of shuffles between pairs of rows.
inline void transpose_block(const float* in, long in_row, float* out, long out_row) {
  Float8 r[lanes], t[lanes];
  for (int i = 0; i < lanes; ++i) r[i] = load(in + i * in_row);
  for (int i = 0; i < lanes; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < lanes; i += 4)
    for (int k = 0; k < 2; ++k) {
      r[i + k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + k + 2] = __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int k = 0; k < 4; ++k) {
    store(out + k * out_row, __builtin_shufflevector(r[k], r[k + 4], 0, 1, 2, 3, 8, 9, 10, 11));
    store(out + (k + 4) * out_row,
          __builtin_shufflevector(r[k], r[k + 4], 4, 5, 6, 7, 12, 13, 14, 15));
  }
}

}  // namespace fedfuse::simd
