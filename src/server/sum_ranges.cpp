#include "server/sum_ranges.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/fixed_point.hpp"
#include "core/text.hpp"

namespace fedfuse {

static_assert(FixedPoint::limit == double(std::int64_t(1) << SumRanges::least));

std::string_view words_for(SumKind kind) {
  constexpr std::array<std::string_view, sum_kinds> words{"item rows",
                                                          "the shared head",
                                                          "losses",
                                                          "shares of untouched rows",
                                                          "groups' virtual rows or scores",
                                                          "groups' heads"};
  return words[std::size_t(kind)];
}

bool Misfit::any() const {
  return not_finite || too_large || std::ranges::any_of(largest, [](double x) { return x > 0; });
}

// One collective call where all is well.
Misfit agreed(const Misfit& mine, const Comm& comm) {
  Misfit all;
  if (comm.max(std::int64_t(mine.any() ? 1 : 0)) == 0) return all;
  all.not_finite = comm.min(mine.not_finite);
  all.too_large = comm.min(mine.too_large);
  for (std::size_t k = 0; k < sum_kinds; ++k) all.largest[k] = comm.max(mine.largest[k]);
  return all;
}

double SumRanges::limit(SumKind kind) const { return std::ldexp(1.0, int(log2(kind))); }

std::int64_t SumRanges::largest_log2() const { return std::ranges::max(log2_); }

std::vector<SumRanges::Rise> SumRanges::raise(const Misfit& misfit) {
  std::vector<Rise> rises;
  for (std::size_t k = 0; k < sum_kinds; ++k) {
    const double x = misfit.largest[k];
    if (x < limit(SumKind(k))) continue;
    const std::int64_t above = std::ilogb(x) + 1;
    FEDFUSE_CHECK(above <= most, "a range takes the value");
    rises.push_back({SumKind(k), log2_[k], above, x});
    log2_[k] = above;
  }
  return rises;
}

void SumRanges::visit(StateVisitor& visitor, const std::string& name) {
  if (visitor.loads()) *this = {};
  if (!visitor.has(name)) return;
  visitor.shared(name, std::span(log2_));
  for (const auto log2 : log2_)
    if (log2 < least || log2 > most)
      throw InputError("the ranges of the sums in the checkpoint cannot be used",
                       cat("2^", log2, " is not from 2^", least, " to 2^", most),
                       "go on from the checkpoint before it, or start again without --resume");
}

template <class T>
void Excess::look_at(SumKind kind, std::span<const T> x) {
  auto& largest = largest_[std::size_t(kind)];
  const double limit = ranges_.limit(kind);
  for (const T value : x) {
    const double size = std::abs(double(value));
    if (!std::isfinite(size))
      finite_ = false;
    else if (size >= limit)
      largest = std::max(largest, size);
  }
}
void Excess::look(SumKind kind, std::span<const float> x) { look_at(kind, x); }
void Excess::look(SumKind kind, std::span<const double> x) { look_at(kind, x); }

void MisfitClients::offer(std::int64_t id, const Excess& excess) {
  const std::lock_guard hold(one_);
  const auto keep_least = [id](std::optional<std::int64_t>& least) {
    least = std::min(least.value_or(id), id);
  };
  constexpr double beyond = double(std::int64_t(1) << SumRanges::most);
  if (!excess.finite()) keep_least(misfit_.not_finite);
  if (std::ranges::max(excess.largest()) >= beyond) keep_least(misfit_.too_large);
  for (std::size_t k = 0; k < sum_kinds; ++k)
    misfit_.largest[k] = std::max(misfit_.largest[k], excess.largest()[k]);
}

}  // namespace fedfuse
