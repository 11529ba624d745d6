// The sums of a round as one vector of words, for masks.
#include <algorithm>

#include "core/error.hpp"
#include "kernels/aggregate/fixed_add.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {
namespace {

// Places [first, first + words.size()) of the vector. Its parts follow one another.
class Window {
 public:
  Window(std::int64_t first, std::span<std::uint64_t> words) : at_(-first), words_(words) {}

  // The next part is of n words. take(k, word) for those of its words k that lie in the window.
  template <class Take>
  void part(std::int64_t n, const Take& take) {
    const std::int64_t from = std::clamp<std::int64_t>(-at_, 0, n),
                       to = std::clamp<std::int64_t>(end() - at_, 0, n);
    for (std::int64_t k = from; k < to; ++k) take(k, words_[std::size_t(at_ + k)]);
    at_ += n;
  }

  // The next part is rows of this width. take(i, k, word) as above, of rows `items` (ascending)
  // only: the i-th of them, its number k.
  template <class Take>
  void rows(std::int64_t n, std::int64_t width, std::span<const std::int32_t> items,
            const Take& take) {
    const auto first =
        std::ranges::lower_bound(items, std::int32_t(std::clamp<std::int64_t>(-at_ / width, 0, n)));
    for (auto i = std::size_t(first - items.begin()); i < items.size(); ++i) {
      const std::int64_t row = at_ + items[i] * width;
      if (row >= end()) break;
      for (std::int64_t k = std::max<std::int64_t>(0, -row); k < std::min(width, end() - row); ++k)
        take(i, k, words_[std::size_t(row + k)]);
    }
    at_ += n * width;
  }

 private:
  [[nodiscard]] std::int64_t end() const { return std::int64_t(words_.size()); }
  std::int64_t at_;  // of the next part, in the window
  std::span<std::uint64_t> words_;
};

std::uint64_t word_of(double x, const FixedPoint& fixed, std::int64_t weight) {
  return std::uint64_t(weight * aggregate::to_fixed(x, fixed.scale));
}

template <class T>
void add_values(Window& window, std::span<const T> x, const FixedPoint& fixed,
                std::int64_t weight) {
  window.part(std::int64_t(x.size()), [&](std::int64_t k, std::uint64_t& word) {
    word += word_of(double(x[std::size_t(k)]), fixed, weight);
  });
}

void copy_values(Window& window, std::span<const std::int64_t> sums) {
  window.part(std::int64_t(sums.size()), [&](std::int64_t k, std::uint64_t& word) {
    word = std::uint64_t(sums[std::size_t(k)]);
  });
}

}  // namespace

std::int64_t RoundSums::words() const {
  const std::int64_t of_rows = std::int64_t(rows_.size()) * items_ * spec_.view_width;
  return of_rows + (spec_.counts_rows ? items_ : 0) + theta_.size() + weighted_rho_.size() +
         losses_.size() + counts_.size();
}

void RoundSums::add_words(const LocalUpdate& update, std::int64_t weight, std::int64_t first,
                          std::span<std::uint64_t> to) const {
  Window window(first, to);
  const std::int64_t width = spec_.view_width;
  const auto of_rows = weight_of_rows(spec_, weight);
  const auto n = std::int64_t(update.items.size());
  for (std::size_t j = 0; j < rows_.size(); ++j) {
    const float* x = update.rows + std::int64_t(j) * n * width;
    window.rows(items_, width, update.items,
                [&](std::size_t i, std::int64_t k, std::uint64_t& word) {
                  word += word_of(double(x[std::int64_t(i) * width + k]), fixed(), of_rows);
                });
  }
  if (spec_.counts_rows)
    window.rows(items_, 1, update.items, [&](std::size_t, std::int64_t, std::uint64_t& word) {
      word += std::uint64_t(of_rows);
    });
  if (spec_.shares_head) add_values(window, update.sent_theta, theta_.fixed(), weight);
  add_values<double>(window, {&update.rho, 1}, weighted_rho_.fixed(), weight);
  add_values<double>(window, losses_of(update.outcome), losses_.fixed(), 1);
  add_values<double>(window, counts_of(std::int64_t(update.items.size())), counts_.fixed(), 1);
}

void RoundSums::copy_words(std::int64_t first, std::span<std::uint64_t> to) const {
  FEDFUSE_CHECK(!owners_, "the words are those of whole sums");
  Window window(first, to);
  for (const auto& sum : rows_)
    copy_values(window, {sum.raw(0), std::size_t(items_ * spec_.view_width)});
  if (spec_.counts_rows) copy_values(window, rows_.front().weight());
  copy_values(window, theta_.raw());
  copy_values(window, weighted_rho_.raw());
  copy_values(window, losses_.raw());
  copy_values(window, counts_.raw());
}

}  // namespace fedfuse
