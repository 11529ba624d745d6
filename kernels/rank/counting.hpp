#pragma once
// Counting scores above and at a threshold, eight at a time, and the rank that follows.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/tile_math.hpp"

namespace fedfuse::rank {

using namespace tilemath;

// Comparisons with not-a-number are false: such scores count for nothing.
struct Counter {
  simd::Int8 higher{}, tied{};
  void add(Float8 scores, Float8 threshold) {
    higher -= simd::Int8(scores > threshold);
    tied -= simd::Int8(scores == threshold);
  }
  [[nodiscard]] static std::int64_t total(simd::Int8 counts) {
    std::int64_t sum = 0;
    for (int l = 0; l < lanes; ++l) sum += counts[l];
    return sum;
  }
};

// One held-out item: its score, and what was counted about the others.
struct Held {
  std::int32_t item = -1;  // -1: none
  float score = 0.0f;
  std::int64_t higher = 0, tied = 0;

  void count(float other, int sign = 1) {
    higher += sign * (other > score);
    tied += sign * (other == score);
  }
  // candidates: how many there are beside the item itself.
  [[nodiscard]] std::int32_t rank(std::int64_t candidates) const {
    if (item < 0) return 0;
    return std::int32_t(1 + (std::isnan(score) ? candidates : higher + (tied + 1) / 2));
  }
};

}  // namespace fedfuse::rank
