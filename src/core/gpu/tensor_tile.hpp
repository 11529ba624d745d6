#pragma once
// c += A B of floats on tensor cores by one warp, 32 x 8 by 8 x 32: each operand is split into two
// numbers of 11 bits (tf32), and three products add
//
//   low(a) high(b) + high(a) low(b) + high(a) high(b),   high(x) = x rounded to 11 bits,
//   low(x) = x - high(x) cut to 11 bits
//
// in this order. A product errs by less than 2^-20 |a| |b|, to either side: were high(x) cut, what
// is left out would have the sign of a b, and sums would drift. The twin does the same in plain
// C++; the hardware rounds its sums in its own way.
#include "core/gpu/platform.hpp"

#ifndef __CUDACC__
#include <bit>
#endif

namespace fedfuse::gpu {

// With (g, t) = (lane / 4, lane % 4) a lane holds
//   a[m]: of block m (16 rows of A) rows g and g + 8 at k = t, then the same rows at k = t + 4
//   b[n]: of block n (8 columns of B) column g at k = t and k = t + 4
//   c[m][n]: of row g columns 2t, 2t + 1, then the same of row g + 8.
// Which rows and columns of a matrix the blocks hold, and in which order k runs, is the caller's.
struct TileOperands {
  float a[2][4], b[4][2];
};
struct TileSums {
  float c[2][4][4];
};

__device__ inline void clear(TileSums& t) {
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < 4; ++n)
      for (int e = 0; e < 4; ++e) t.c[m][n][e] = 0.0f;
}

inline constexpr unsigned high_bits = 0xffffe000u, half_of_lowest = 0x1000u;

#ifdef __CUDACC__
struct SplitPair {
  unsigned high, low;
};
__device__ inline SplitPair split(float x) {
  const unsigned high = (__float_as_uint(x) + half_of_lowest) & high_bits;
  return {high, __float_as_uint(x - __uint_as_float(high))};
}
__device__ inline void mma_16x8x8(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ inline void multiply_add(TileSums& t, const TileOperands& x) {
  unsigned high[2][4], low[2][4];
#pragma unroll
  for (int m = 0; m < 2; ++m)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const SplitPair a = split(x.a[m][e]);
      high[m][e] = a.high;
      low[m][e] = a.low;
    }
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const SplitPair first = split(x.b[n][0]), second = split(x.b[n][1]);
    const unsigned b_high[2] = {first.high, second.high}, b_low[2] = {first.low, second.low};
#pragma unroll
    for (int m = 0; m < 2; ++m) mma_16x8x8(t.c[m][n], low[m], b_high);
#pragma unroll
    for (int m = 0; m < 2; ++m) mma_16x8x8(t.c[m][n], high[m], b_low);
#pragma unroll
    for (int m = 0; m < 2; ++m) mma_16x8x8(t.c[m][n], high[m], b_high);
  }
}

#else
inline float cut(float x) { return std::bit_cast<float>(std::bit_cast<unsigned>(x) & high_bits); }
inline float high_part(float x) {
  return std::bit_cast<float>((std::bit_cast<unsigned>(x) + half_of_lowest) & high_bits);
}
inline void multiply_add(TileSums& t, const TileOperands& x) {
  auto* warp = reinterpret_cast<TileOperands*>(simt::warp_scratch());
  static_assert(32 * sizeof(TileOperands) <= simt::warp_scratch_bytes);
  const int lane = int(threadIdx.x % warp_lanes), g = lane / 4, t2 = lane % 4 * 2;
  warp[lane] = x;
  __syncwarp();
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < 4; ++n)
      for (int e = 0; e < 4; ++e)
        for (int part = 0; part < 3; ++part)
          for (int k = 0; k < 8; ++k) {
            const float a = warp[g * 4 + k % 4].a[m][k / 4 * 2 + e / 2],
                        b = warp[(t2 + e % 2) * 4 + k % 4].b[n][k / 4];
            const float a_high = high_part(a), b_high = high_part(b);
            t.c[m][n][e] +=
                (part == 0 ? cut(a - a_high) : a_high) * (part == 1 ? cut(b - b_high) : b_high);
          }
  __syncwarp();
}
#endif

}  // namespace fedfuse::gpu
