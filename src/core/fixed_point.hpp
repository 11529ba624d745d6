#pragma once
// R7: sums in integers are associative. A real x is accumulated as round(x * 2^bits) in 64 bits, so
// any order of clients, threads, ranks and atomics gives the same sum. The number of bits follows
// from the total weight that will be summed: with |x| < 1024 the sum cannot overflow.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace fedfuse {

struct FixedPoint {
  double scale = 0x1p32, inverse = 0x1p-32;
  static constexpr double limit = 1024.0;  // largest |x| of one unit of weight

  // total_weight: the sum of the (integer) weights, >= 1. A million clients of weight 1 get 2^32.
  static FixedPoint for_total_weight(std::int64_t total_weight) {
    const int weight_bits = std::bit_width(std::uint64_t(std::max<std::int64_t>(total_weight, 1)));
    const int bits = std::clamp(62 - 10 - weight_bits, 8, 40);
    return {std::ldexp(1.0, bits), std::ldexp(1.0, -bits)};
  }
  // Also refuses NaN.
  [[nodiscard]] static bool fits(double x) { return std::abs(x) < limit; }
  [[nodiscard]] std::int64_t encode(double x) const { return std::llrint(x * scale); }
  [[nodiscard]] double decode(std::int64_t q) const { return double(q) * inverse; }
};

}  // namespace fedfuse
