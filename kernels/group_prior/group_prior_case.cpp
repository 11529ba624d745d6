#include "kernels/group_prior/group_prior_case.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::group_prior {

Case::Case(const CaseShape& s)
    : shape(s),
      layout(s.features, s.hidden, s.groups),
      parameters(layout.size, 0.0f),
      Z(s.items, s.features),
      S(s.items, s.groups),
      N(std::size_t(s.groups), 0.0f) {
  const Rng rng(s.seed, Purpose::test);
  std::uint64_t who = 0;
  const auto fill = [&](std::span<float> to, double scale, double mean) {
    RngStream own(rng, ++who, 0);
    const double width = scale * std::sqrt(12.0);  // of a uniform distribution with this deviation
    for (auto& x : to) x = float(mean + width * (own.uniform() - 0.5));
  };
  const double inverse_root = 1 / std::sqrt(double(s.hidden));
  for (const auto& e : layout.entries) {
    const double scale = e.name == "U" ? 1.0 : e.name == "A" ? 0.5 : inverse_root;
    fill({parameters.data() + e.at, e.size()}, scale, e.name == "b" ? -1.4 : 0.0);
  }
  fill(Z.span(), 1 / std::sqrt(double(s.features)), 0.0);
  fill(S.span(), 1.0, 0.0);
  S(0, 0) = 1.0f;  // there is something to learn
  if (s.untouched) {
    c.assign(std::size_t(s.items), 1.0f);
    for (std::int64_t i = 1; i < s.items; i += 3) c[std::size_t(i)] = 0.0f;
  }
  for (std::int64_t i = 0; i < s.items; ++i) {
    double square = 0;
    for (std::int64_t k = 0; k < s.features; ++k) square += double(Z(i, k)) * Z(i, k);
    largest_row = std::max(largest_row, std::sqrt(square));
    const bool no_sums = !c.empty() && c[std::size_t(i)] == 0.0f;
    for (std::int64_t l = 0; l < s.groups; ++l) {
      auto& x = S(i, l);
      const bool none = no_sums || (s.untaught && l == 1);
      x = none ? 0.0f : std::max(0.0f, x) * (i % 7 == 0 ? 5.0f : 1.0f);
      N[std::size_t(l)] += 4.0f * x / float(s.items);
    }
  }
  double counted = double(s.items);
  if (!c.empty()) counted = std::accumulate(c.begin(), c.end(), 0.0);
  for (std::int64_t l = 0; l < s.groups; ++l) total += counted * double(N[std::size_t(l)]);
  for (const float x : S.values) total += x;
}

Problem Case::problem() const {
  return {.layout = layout,
          .items = shape.items,
          .Z = Z.data(),
          .largest_row = largest_row,
          .parameters = parameters.data(),
          .S = S.data(),
          .N = N.data(),
          .c = c.empty() ? nullptr : c.data(),
          .total = total};
}

std::string Case::name() const {
  return cat("M=", shape.items, " P=", shape.features, " h=", shape.hidden, " G=", shape.groups);
}

}  // namespace fedfuse::group_prior
