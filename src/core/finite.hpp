#pragma once
// Whether all numbers of an array are finite: no infinity and no NaN.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace fedfuse {

// On this thread.
[[nodiscard]] inline bool all_finite_here(std::span<const float> x) {
  constexpr std::uint32_t exponent = 0x7f800000;  // all bits of it are set: not finite
  int bad = 0;
  for (const float value : x)
    bad |= int((std::bit_cast<std::uint32_t>(value) & exponent) == exponent);
  return bad == 0;
}

// A large array by all threads. A small one starts no team: even a team of one, as every client's
// turn would start it, takes longer than the array.
[[nodiscard]] inline bool all_finite(std::span<const float> x) {
  constexpr std::int64_t block = 1 << 16;
  const auto n = std::int64_t(x.size());
  if (n <= block) return all_finite_here(x);
  int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad)
  for (std::int64_t i = 0; i < n; i += block)
    bad |= int(!all_finite_here(x.subspan(std::size_t(i), std::size_t(std::min(block, n - i)))));
  return bad == 0;
}

}  // namespace fedfuse
