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

double Problem::bytes() const {
  return double(entries()) * (4.0 * width + 4.0) + double(items) * (8.0 * width + 8.0);
}

std::int64_t cut_of(const Problem& problem, std::int64_t n) {
  const std::int64_t most = std::max<std::int64_t>(0, (n - 1) / 2);
  return problem.median ? most : std::min(most, std::int64_t(problem.trim * double(n)));
}

}  // namespace fedfuse::row_median
