#include "kernels/row_median/row_median.hpp"

#include <algorithm>
#include <array>

namespace fedfuse::row_median {
namespace {

constexpr std::array<Variant, 1> table{{
    {"cpu", "an item a thread: numbers into columns, two selections, a sum of integers", run_cpu,
     gpu::Runs::everywhere},
}};

}  // namespace

std::span<const Variant> variants() { return table; }

Places::Places(std::span<const std::int32_t> item, std::int64_t items)
    : offsets(std::size_t(items) + 1), order(item.size()) {
  for (const auto i : item) ++offsets[std::size_t(i) + 1];
  for (std::size_t i = 1; i < offsets.size(); ++i) offsets[i] += offsets[i - 1];
  auto at = offsets;
  for (std::size_t e = 0; e < item.size(); ++e)
    order[std::size_t(at[std::size_t(item[e])]++)] = std::int32_t(e);
}

double Problem::bytes() const {
  return double(entries()) * (4.0 * width + 4.0) + double(items) * (8.0 * width + 8.0);
}

std::int64_t cut_of(const Problem& problem, std::int64_t n) {
  const std::int64_t most = std::max<std::int64_t>(0, (n - 1) / 2);
  return problem.median ? most : std::min(most, std::int64_t(problem.trim * double(n)));
}

}  // namespace fedfuse::row_median
