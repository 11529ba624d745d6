#pragma once
// R7 for gradients, whose size is not known beforehand: sums of floats that no order of blocks,
// threads or ranks changes. Two 64-bit words a number, x = high 2^-16 + low 2^-60, so a part of
// size 1 keeps every one of its 24 bits, and so does one of size 2^-36. Callers scale their parts
// by a power of two to be near 1.
#include <array>
#include <cstdint>
#include <span>

#include "core/comm.hpp"
#include "core/matrix.hpp"

namespace fedfuse::views {

class ExactSum {
 public:
  // |x| of one part must be smaller
  static constexpr float limit = 0x1p30f;
  // that can be added without overflow
  static constexpr std::int64_t most_parts = std::int64_t(1) << 16;

  ExactSum() = default;
  explicit ExactSum(std::size_t size) { start(size); }
  // A sum of nothing, in the memory that is there.
  void start(std::size_t size);
  void clear();

  // False when some |x| is too large, infinite or NaN: the sum is then worthless.
  [[nodiscard]] bool add(std::span<const float> x);
  // ... of doubles: what is below 2^-61 is rounded away
  [[nodiscard]] bool add(std::span<const double> x);
  // Memory for one more part, to be written and then added by add_next(). Numbers that nobody
  // writes are 0, or what they were in an earlier part.
  [[nodiscard]] std::span<float> next();
  [[nodiscard]] bool add_next();

  void merge(const ExactSum& other);
  void reduce(const Comm& comm);  // collective
  // out = factor * sum, rounded once to float.
  void decode(std::span<float> out, double factor) const;
  void decode(std::span<double> out, double factor) const;

 private:
  template <class T>
  bool add_values(std::span<const T> x);
  template <class T>
  void decode_values(std::span<T> out, double factor) const;
  template <class Work>
  void for_sums(const Work& work) const;
  void settle();

  std::size_t size_ = 0;
  // All high words, then all low words; empty: 0. Few parts need none: a pass over the words moves
  // four times the bytes of a part.
  Array<std::int64_t> words_;
  bool has_words_ = false;
  static constexpr std::size_t most_waiting = 4;
  std::array<Array<float>, most_waiting> waiting_;  // parts that are not in the words
  std::size_t count_ = 0;                           // of these
};

}  // namespace fedfuse::views
