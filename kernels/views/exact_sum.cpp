#include "kernels/views/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fedfuse::views {
namespace {

struct Words {
  std::int64_t high = 0, low = 0;
};

template <class T>
inline Words words_of(T x) {
  // Adding 1.5 * 2^52 leaves a double's whole part in its low bits: a rounding that vectorises.
  constexpr double magic = 0x1.8p52;
  constexpr auto magic_bits = std::bit_cast<std::int64_t>(magic);
  const double value = x;
  const double shifted = value * 0x1p16 + magic;
  const double rest = value - (shifted - magic) * 0x1p-16;  // exact, at most 2^-17
  return {std::bit_cast<std::int64_t>(shifted) - magic_bits,
          std::bit_cast<std::int64_t>(rest * 0x1p60 + magic) - magic_bits};
}

template <class T>
bool fits(const T* x, std::size_t n) {
  int bad = 0;
  for (std::size_t i = 0; i < n; ++i) bad |= int(!(std::abs(x[i]) < T(ExactSum::limit)));
  return bad == 0;
}

// work(i, words) with the sum of each number: of `words` (null: none) and of Parts parts.
template <std::size_t Parts, class Work>
void for_sums_of(std::size_t n, const std::int64_t* words, const float* const* parts,
                 const Work& work) {
  std::array<const float*, Parts + 1> from{};
  std::copy_n(parts, Parts, from.begin());
  const auto sum_at = [&](std::size_t i, Words sum) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < Parts; ++k) {
      const auto part = words_of(from[k][i]);
      sum.high += part.high;
      sum.low += part.low;
    }
    work(i, sum);
  };
  if (words == nullptr)
    for (std::size_t i = 0; i < n; ++i) sum_at(i, {});
  else
    for (std::size_t i = 0; i < n; ++i) sum_at(i, {words[i], words[n + i]});
}

}  // namespace

void ExactSum::start(std::size_t size) {
  if (size != size_)
    for (auto& part : waiting_) part.clear();
  size_ = size;
  clear();
}

void ExactSum::clear() {
  has_words_ = false;
  count_ = 0;
}

template <class Work>
void ExactSum::for_sums(const Work& work) const {
  static_assert(most_waiting == 4);
  std::array<const float*, most_waiting> parts{};
  for (std::size_t k = 0; k < count_; ++k) parts[k] = waiting_[k].data();
  const std::int64_t* words = has_words_ ? words_.data() : nullptr;
  switch (count_) {
    case 0:
      return for_sums_of<0>(size_, words, parts.data(), work);
    case 1:
      return for_sums_of<1>(size_, words, parts.data(), work);
    case 2:
      return for_sums_of<2>(size_, words, parts.data(), work);
    case 3:
      return for_sums_of<3>(size_, words, parts.data(), work);
    default:
      return for_sums_of<4>(size_, words, parts.data(), work);
  }
}

// Everything into the words.
void ExactSum::settle() {
  if (has_words_ && count_ == 0) return;
  words_.resize(2 * size_);
  std::int64_t* __restrict high = words_.data();
  std::int64_t* __restrict low = words_.data() + size_;
  for_sums([=](std::size_t i, const Words& sum) {
    high[i] = sum.high;
    low[i] = sum.low;
  });
  has_words_ = true;
  count_ = 0;
}

template <class T>
bool ExactSum::add_values(std::span<const T> x) {
  settle();
  std::int64_t* __restrict high = words_.data();
  std::int64_t* __restrict low = words_.data() + size_;
  for (std::size_t i = 0; i < size_; ++i) {
    const auto part = words_of(x[i]);
    high[i] += part.high;
    low[i] += part.low;
  }
  return fits(x.data(), size_);
}

bool ExactSum::add(std::span<const float> x) { return add_values(x); }
bool ExactSum::add(std::span<const double> x) { return add_values(x); }

std::span<float> ExactSum::next() {
  if (count_ == most_waiting) settle();
  waiting_[count_].resize(size_, 0.0f);
  return waiting_[count_];
}

bool ExactSum::add_next() {
  const auto& part = waiting_[count_++];
  return fits(part.data(), size_);
}

void ExactSum::merge(const ExactSum& other) {
  settle();
  std::int64_t* __restrict high = words_.data();
  std::int64_t* __restrict low = words_.data() + size_;
  other.for_sums([=](std::size_t i, const Words& sum) {
    high[i] += sum.high;
    low[i] += sum.low;
  });
}

void ExactSum::reduce(const Comm& comm) {
  if (comm.size() == 1) return;
  settle();
  comm.sum(words_);
}

template <class T>
void ExactSum::decode_values(std::span<T> out, double factor) const {
  T* __restrict to = out.data();
  for_sums([=](std::size_t i, const Words& sum) {
    to[i] = T(factor * (double(sum.high) * 0x1p-16 + double(sum.low) * 0x1p-60));
  });
}

void ExactSum::decode(std::span<float> out, double factor) const { decode_values(out, factor); }
void ExactSum::decode(std::span<double> out, double factor) const { decode_values(out, factor); }

}  // namespace fedfuse::views
