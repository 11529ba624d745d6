#pragma once
// R7: sums in integers are associative. A real x is accumulated as round(x * 2^bits) in 64 bits, so
// any order of clients, threads, ranks and atomics gives the same sum. The number of bits follows
// from the total weight that will be summed and from the largest |x|: the sum cannot overflow.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace fedfuse {

struct FixedPoint {
  double scale = 0x1p32, inverse = 0x1p-32;
  static constexpr double limit = 1024.0;  // of |x| of one unit of weight, where none is given
  double largest = limit;                  // the limit of these sums: a power of two

  // total_weight: W, the sum of the (integer) weights, from 1 to 2^44. A million clients of weight
  // 1 get 2^32.
  // largest: L, a power of two from `limit` to 2^127; each factor of two costs a bit.
  // Whatever L: |x scale| < 2^50, and W |x scale| < 2^62. L is at least 2^18 units.
  static FixedPoint for_total_weight(std::int64_t total_weight, double largest = limit) {
    const int weight_bits = std::bit_width(std::uint64_t(std::max<std::int64_t>(total_weight, 1)));
    const int coarser = std::ilogb(largest) - std::ilogb(limit);
    const int bits = std::clamp(62 - 10 - weight_bits, 8, 40) - coarser;
    return {std::ldexp(1.0, bits), std::ldexp(1.0, -bits), largest};
  }
  // Also refuses NaN.
  [[nodiscard]] static bool fits(double x) { return std::abs(x) < limit; }
  [[nodiscard]] std::int64_t encode(double x) const { return std::llrint(x * scale); }
  [[nodiscard]] double decode(std::int64_t q) const { return double(q) * inverse; }
};

}  // namespace fedfuse
