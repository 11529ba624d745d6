#include "kernels/views/exact_sum.hpp"

#include <bit>
#include <cmath>

namespace fedfuse::views {

template <class T>
bool ExactSum::add_values(std::span<const T> x) {
  // Adding 1.5 * 2^52 leaves a double's whole part in its low bits: a rounding that vectorises.
  constexpr double magic = 0x1.8p52;
  constexpr auto magic_bits = std::bit_cast<std::int64_t>(magic);
  std::int64_t* __restrict high = words_.data();
  std::int64_t* __restrict low = words_.data() + size_;
  const T* __restrict from = x.data();
  int bad = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    bad |= int(!(std::abs(from[i]) < T(limit)));
    const double value = from[i];
    const double shifted = value * 0x1p16 + magic;
    const double rest = value - (shifted - magic) * 0x1p-16;  // exact, at most 2^-17
    high[i] += std::bit_cast<std::int64_t>(shifted) - magic_bits;
    low[i] += std::bit_cast<std::int64_t>(rest * 0x1p60 + magic) - magic_bits;
  }
  return bad == 0;
}

bool ExactSum::add(std::span<const float> x) { return add_values(x); }
bool ExactSum::add(std::span<const double> x) { return add_values(x); }

void ExactSum::merge(const ExactSum& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] += other.words_[i];
}

void ExactSum::decode(std::span<float> out, double factor) const {
  for (std::size_t i = 0; i < size_; ++i) out[i] = float(factor * value(i));
}
void ExactSum::decode(std::span<double> out, double factor) const {
  for (std::size_t i = 0; i < size_; ++i) out[i] = factor * value(i);
}

}  // namespace fedfuse::views
