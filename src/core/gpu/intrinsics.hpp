#pragma once
// Instructions that only the hardware has, one function each, and for the emulation a twin in plain
// C++ that does the same. Half-precision numbers travel as their bits.
#include "core/gpu/gemm.hpp"
#include "core/gpu/platform.hpp"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#else
#include <bit>
#include <cstring>
#endif

namespace fedfuse::gpu {

#ifdef __CUDACC__
__device__ inline Half to_half(float x) { return __half_as_ushort(__float2half_rn(x)); }
__device__ inline unsigned to_half2(float low, float high) {
  const __half2 both = __floats2half2_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&both);
}

// c += A B, 16 x 16 by 16 x 8, half in, float sums. Lane (g, t) = (lane / 4, lane % 4) holds of A
// rows g, g + 8 and columns 2t, 2t + 1 (a[0], a[1]) and 8 further (a[2], a[3]); of B column g, the
// same rows; of c rows g (c[0], c[1]) and g + 8, columns 2t, 2t + 1.
__device__ inline void mma_16x8x16(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                   unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// An 8 x 8 matrix of halves, lane (g, t) with columns 2t, 2t + 1 of row g, transposed.
__device__ inline unsigned transpose_8x8(unsigned x) {
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %0;" : "+r"(x));
  return x;
}

// 16 bytes from global to shared memory behind the back of the registers; both sides aligned to 16.
__device__ inline void async_copy16(void* shared, const void* global) {
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(unsigned(__cvta_generic_to_shared(shared))),
      "l"(global)
      : "memory");
}
// The same where `there`; else 16 bytes of zeros, and nothing is read.
__device__ inline void async_copy16_or_zeros(void* shared, const void* global, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   unsigned(__cvta_generic_to_shared(shared))),
               "l"(global), "r"(there ? 16 : 0)
               : "memory");
}
__device__ inline void async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// All but the last `Pending` groups of this thread have arrived.
template <int Pending>
__device__ inline void async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}
// 16 bytes that are read once: not to be kept in the first cache.
__device__ inline uint4 load_once(const Half* from) {
  return __ldcs(reinterpret_cast<const uint4*>(from));
}
// A number that is read once: the first to leave the caches.
__device__ inline float load_once(const float* from) { return __ldcs(from); }
// The larger one; not a number where either is none (fmaxf takes the other).
__device__ inline float max_or_nan(float a, float b) {
  float larger;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
  return larger;
}

#else
inline Half to_half(float x) { return std::bit_cast<Half>(static_cast<_Float16>(x)); }
inline float from_half(Half x) { return float(std::bit_cast<_Float16>(x)); }
inline unsigned to_half2(float low, float high) {
  return unsigned(to_half(low)) | unsigned(to_half(high)) << 16;
}

inline void mma_16x8x16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  struct Fragment {
    unsigned word[6];
    [[nodiscard]] float half(int w, int odd) const {
      return from_half(Half(word[w] >> (16 * odd)));
    }
  };
  auto* warp = reinterpret_cast<Fragment*>(simt::warp_scratch());
  const int lane = int(threadIdx.x % warp_lanes);
  warp[lane] = {{a[0], a[1], a[2], a[3], b0, b1}};
  __syncwarp();
  for (int e = 0; e < 4; ++e) {
    const int row = lane / 4, below = e / 2, col = lane % 4 * 2 + e % 2;
    for (int k = 0; k < 16; ++k) {
      const int far = k / 8, t = k % 8 / 2;
      c[e] +=
          warp[row * 4 + t].half(below + 2 * far, k % 2) * warp[col * 4 + t].half(4 + far, k % 2);
    }
  }
  __syncwarp();
}

inline unsigned transpose_8x8(unsigned x) {
  auto* warp = reinterpret_cast<unsigned*>(simt::warp_scratch());
  const int lane = int(threadIdx.x % warp_lanes), column = lane / 4, row = lane % 4 * 2;
  warp[lane] = x;
  __syncwarp();
  const auto half = [&](int r) { return warp[r * 4 + column / 2] >> (16 * (column % 2)) & 0xFFFF; };
  const unsigned turned = half(row) | half(row + 1) << 16;
  __syncwarp();
  return turned;
}

inline void async_copy16(void* shared, const void* global) { simt::copy_later(shared, global); }
inline void async_copy16_or_zeros(void* shared, const void* global, bool there) {
  simt::copy_later(shared, there ? global : nullptr);
}
inline void async_commit() { simt::end_copy_group(); }
template <int Pending>
void async_wait() {
  simt::wait_for_copies(Pending);
}
inline uint4 load_once(const Half* from) {
  uint4 x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
inline float load_once(const float* from) { return *from; }
inline float max_or_nan(float a, float b) { return b != b || a < b ? b : a; }
#endif

}  // namespace fedfuse::gpu
