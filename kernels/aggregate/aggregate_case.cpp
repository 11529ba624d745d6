#include "kernels/aggregate/aggregate_case.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/rng.hpp"

namespace fedfuse::aggregate {

namespace {

// The inverse of the distribution of a continuous power law over [1, items + 1).
std::int32_t draw_item(const CaseShape& s, RngStream& words) {
  if (s.skew == 0) return std::int32_t(words.below(std::uint32_t(s.items)));
  const double u = words.uniform(), end = double(s.items + 1), power = 1 - s.skew;
  const double x =
      power == 0 ? std::pow(end, u) : std::pow(1 + u * (std::pow(end, power) - 1), 1 / power);
  return std::int32_t(std::min<std::int64_t>(std::int64_t(x), s.items) - 1);
}

}  // namespace

Case::Case(const CaseShape& s) : shape(s), offsets{0}, table(std::size_t(s.items * s.width)) {
  const Rng rng(s.seed, Purpose::test);
  RngStream shared(rng, 0, 0);
  for (float& x : table) x = float(shared.uniform() - 0.5);
  for (std::int64_t u = 0; u < s.clients; ++u) {
    RngStream own(rng, std::uint64_t(u) + 1, 0);
    std::set<std::int32_t> rows;
    while (std::int64_t(rows.size()) < std::min<std::int64_t>(s.touched, s.items))
      rows.insert(draw_item(s, own));
    ids.insert(ids.end(), rows.begin(), rows.end());
    offsets.push_back(std::int64_t(ids.size()));
    weight.push_back(s.weighted ? 1 + own.below(40) : 1);
    rho.push_back(float(0.9 + 0.1 * own.uniform()));
    for (std::size_t j = 0; j < rows.size() * std::size_t(s.width); ++j)
      delta.push_back(float(0.2 * (own.uniform() - 0.5)));
  }
}

Problem Case::problem() const {
  return {.items = shape.items,
          .width = shape.width,
          .clients = shape.clients,
          .offsets = offsets.data(),
          .ids = ids.data(),
          .delta = delta.data(),
          .weight = weight.data(),
          .rho = rho.data(),
          .table = table.data(),
          .by_counts = shape.by_counts,
          .server_rate = shape.by_counts ? 8.0 : 1.0};
}

}  // namespace fedfuse::aggregate
