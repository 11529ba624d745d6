#pragma once
// R7 for gradients, whose size is not known beforehand: sums of floats that no order of blocks,
// threads or ranks changes. Two 64-bit words a number, x = high 2^-16 + low 2^-60, so a part of
// size 1 keeps every one of its 24 bits, and so does one of size 2^-36. Callers scale their parts
// by a power of two to be near 1.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse::views {

class ExactSum {
 public:
  // |x| of one part must be smaller
  static constexpr float limit = 0x1p30f;
  // that can be added without overflow
  static constexpr std::int64_t most_parts = std::int64_t(1) << 16;

  explicit ExactSum(std::size_t size) : words_(2 * size, 0), size_(size) {}
  // False when some |x| is too large, infinite or NaN: the sum is then worthless.
  [[nodiscard]] bool add(std::span<const float> x);
  // ... of doubles: what is below 2^-61 is rounded away
  [[nodiscard]] bool add(std::span<const double> x);
  void merge(const ExactSum& other);
  void reduce(const Comm& comm) { comm.sum(words_); }  // collective
  // out = factor * sum, rounded once to float.
  void decode(std::span<float> out, double factor) const;
  void decode(std::span<double> out, double factor) const;

 private:
  template <class T>
  bool add_values(std::span<const T> x);
  [[nodiscard]] double value(std::size_t i) const {
    return double(words_[i]) * 0x1p-16 + double(words_[size_ + i]) * 0x1p-60;
  }
  std::vector<std::int64_t> words_;  // all high words, then all low words
  std::size_t size_;
};

}  // namespace fedfuse::views
