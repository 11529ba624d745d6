#include "kernels/kmeans/kmeans_case.hpp"

#include <cmath>

#include "core/rng.hpp"

namespace fedfuse::kmeans {
namespace {

// Purely of its place, so that threads may fill; uniform in (-1, 1), or an integer of -2 .. 2.
double number(const Rng& rng, bool integer, std::uint64_t i, std::uint32_t what, std::int64_t j) {
  const double u = 2.0 * rng.uniform(i, what, std::uint32_t(j)) - 1.0;
  return integer ? std::round(2.0 * u) : u;
}

}  // namespace

Case::Case(const CaseShape& s)
    : shape(s),
      points(std::size_t(s.count * s.columns)),
      mean(std::size_t(s.columns)),
      weight(std::size_t(s.columns * s.groups)),
      square(std::size_t(s.groups), 0.0),
      wide(s.with_step ? points.size() : 0),
      centres(weight.size()) {
  const Rng rng(s.seed, Purpose::test);
  const auto centre = [&](std::int64_t g, std::int64_t j) {
    return number(rng, s.ties, std::uint64_t(s.ties ? g / 2 : g), 1, j);
  };
  for (std::int64_t j = 0; j < s.columns; ++j) {
    mean[std::size_t(j)] = number(rng, s.ties, 0, 2, j);
    const double inverse_sd = s.ties ? 1.0 : 1.0 / (1.5 + number(rng, false, 0, 3, j));
    for (std::int64_t g = 0; g < s.groups; ++g) {
      weight[std::size_t(j * s.groups + g)] = -2.0 * centre(g, j) * inverse_sd;
      square[std::size_t(g)] += centre(g, j) * centre(g, j);
      centres[std::size_t(g * s.columns + j)] =
          centre(g, j) + (s.ties ? 0.0 : 0.3 * number(rng, false, std::uint64_t(g), 4, j));
    }
  }
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < s.count; ++i)
    for (std::int64_t j = 0; j < s.columns; ++j) {
      const auto at = std::size_t(i * s.columns + j);
      const double x = s.ties
                           ? number(rng, true, std::uint64_t(i), 5, j)
                           : centre(i % s.groups, j) + number(rng, false, std::uint64_t(i), 5, j);
      points[at] = float(x);
      if (s.with_step) wide[at] = x;
    }
}

Nearest Case::nearest() const {
  return {.count = shape.count,
          .columns = shape.columns,
          .groups = shape.groups,
          .points = points.data(),
          .mean = mean.data(),
          .weight = weight.data(),
          .square = square.data()};
}
Step Case::step() const {
  return {.count = shape.count,
          .columns = shape.columns,
          .groups = shape.groups,
          .points = wide.data(),
          .centres = centres.data()};
}

}  // namespace fedfuse::kmeans
