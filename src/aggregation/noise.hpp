#pragma once
// Gaussian noise on sums in fixed point (models.md section 10): S += round(sd 2^bits g), g ~ N(0,1)
// a pure function of (seed, round, who, k). S is whole, so S + round(x) = round(S + x): what is
// proved of S + x holds. It is added once, to the sum of all ranks.
#include <cstdint>
#include <span>

#include "core/rng.hpp"

namespace fedfuse {

class SumNoise {
 public:
  // deviation: sd, in units of the numbers that are summed. round: from 1.
  SumNoise(std::uint64_t seed, std::int64_t round, double deviation)
      : rng_(seed, Purpose::noise_sum), round_(std::uint32_t(round)), deviation_(deviation) {}
  // who: a number of these sums' own. scale: 2^bits
  void add(std::uint64_t who, std::span<std::int64_t> sums, double scale) const;

 private:
  Rng rng_;
  std::uint32_t round_;
  double deviation_;
};

}  // namespace fedfuse
