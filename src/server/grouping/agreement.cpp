#include "server/grouping/agreement.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/matrix.hpp"

namespace fedfuse {
namespace {

std::int64_t place_of(const std::vector<std::int32_t>& sorted, std::int32_t value) {
  return std::ranges::lower_bound(sorted, value) - sorted.begin();
}

double pairs(std::int64_t n) { return 0.5 * double(n) * double(n - 1); }

}  // namespace

std::vector<std::int32_t> distinct_values(std::span<const std::int32_t> values, const Comm& comm) {
  const auto unique = [](std::vector<std::int32_t> v) {
    std::ranges::sort(v);
    v.erase(std::unique(v.begin(), v.end()), v.end());
    return v;
  };
  const auto mine = unique({values.begin(), values.end()});
  return unique(comm.all_gather(std::span<const std::int32_t>(mine)));
}

double adjusted_rand_index(std::span<const std::int32_t> a, std::span<const std::int32_t> b,
                           const Comm& comm) {
  FEDFUSE_CHECK(a.size() == b.size(), "two labels for each client");
  std::vector<std::int32_t> both_a, both_b;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] >= 0 && b[i] >= 0) {
      both_a.push_back(a[i]);
      both_b.push_back(b[i]);
    }
  const auto names_a = distinct_values(both_a, comm), names_b = distinct_values(both_b, comm);
  if (names_a.empty()) return std::nan("");

  Matrix<std::int64_t> table(std::int64_t(names_a.size()), std::int64_t(names_b.size()));
  for (std::size_t i = 0; i < both_a.size(); ++i)
    ++table(place_of(names_a, both_a[i]), place_of(names_b, both_b[i]));
  comm.sum(table.span());

  std::vector<std::int64_t> sum_a(names_a.size(), 0), sum_b(names_b.size(), 0);
  std::int64_t total = 0;
  double together = 0.0, in_a = 0.0, in_b = 0.0;
  for (std::int64_t i = 0; i < table.rows; ++i)
    for (std::int64_t j = 0; j < table.cols; ++j) {
      const auto count = table(i, j);
      sum_a[std::size_t(i)] += count;
      sum_b[std::size_t(j)] += count;
      total += count;
      together += pairs(count);
    }
  for (const auto n : sum_a) in_a += pairs(n);
  for (const auto n : sum_b) in_b += pairs(n);
  const double expected = total > 1 ? in_a * in_b / pairs(total) : 0.0, most = 0.5 * (in_a + in_b);
  return most > expected ? (together - expected) / (most - expected) : 1.0;
}

}  // namespace fedfuse
