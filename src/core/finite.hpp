#pragma once
// Whether all numbers of an array are finite: no infinity and no NaN.
#include <bit>
#include <cstdint>
#include <span>

namespace fedfuse {

[[nodiscard]] inline bool all_finite(std::span<const float> x) {
  constexpr std::uint32_t exponent = 0x7f800000;  // all bits of it are set: not finite
  int bad = 0;
  const auto n = std::int64_t(x.size());
#pragma omp parallel for simd schedule(static) reduction(| : bad) if (n > 65536)
  for (std::int64_t i = 0; i < n; ++i)
    bad |= int((std::bit_cast<std::uint32_t>(x[std::size_t(i)]) & exponent) == exponent);
  return bad == 0;
}

}  // namespace fedfuse
