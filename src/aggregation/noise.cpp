#include "aggregation/noise.hpp"

#include <cmath>

namespace fedfuse {

void SumNoise::add(std::uint64_t who, std::span<std::int64_t> sums, double scale) const {
  const double size = deviation_ * scale;
  for (std::size_t k = 0; k < sums.size(); k += 2) {
    const auto [first, second] = rng_.normals(who, round_, std::uint32_t(k / 2));
    sums[k] += std::llrint(size * first);
    if (k + 1 < sums.size()) sums[k + 1] += std::llrint(size * second);
  }
}

}  // namespace fedfuse
