#pragma once
// Numbers below the smallest normal one (float: 1.2e-38) take a processor some hundred cycles.
// Where heads or routers saturate, whole rows of gradients are such numbers, and a round takes
// forty times as long. They become 0; sums in fixed point (2^-40 at the finest) do not see it.
#include <cstdint>

#ifdef __x86_64__
#include <xmmintrin.h>
#endif

namespace fedfuse {
namespace detail {

#ifdef __x86_64__
inline constexpr std::uint64_t flush_bits = 0x8040;  // of MXCSR: flush to zero, denormals are zero
inline std::uint64_t float_control() { return _mm_getcsr(); }
inline void set_float_control(std::uint64_t bits) { _mm_setcsr(std::uint32_t(bits)); }
#elif defined(__aarch64__)
inline constexpr std::uint64_t flush_bits = std::uint64_t(1) << 24;  // of FPCR: FZ
inline std::uint64_t float_control() {
  std::uint64_t bits = 0;
  asm volatile("mrs %0, fpcr" : "=r"(bits));
  return bits;
}
inline void set_float_control(std::uint64_t bits) { asm volatile("msr fpcr, %0" : : "r"(bits)); }
#else
inline constexpr std::uint64_t flush_bits = 0;
inline std::uint64_t float_control() { return 0; }
inline void set_float_control(std::uint64_t /*bits*/) {}
#endif

}  // namespace detail

// In this thread, and in those that it starts afterwards: before there are any.
inline void flush_denormals() {
  detail::set_float_control(detail::float_control() | detail::flush_bits);
}
[[nodiscard]] inline bool flushes_denormals() {
  return detail::flush_bits != 0 &&
         (detail::float_control() & detail::flush_bits) == detail::flush_bits;
}

}  // namespace fedfuse
