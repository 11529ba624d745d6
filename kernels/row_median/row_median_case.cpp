#include "kernels/row_median/row_median_case.hpp"

#include <cmath>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::row_median {

Case::Case(const CaseShape& s) : shape(s) {
  const Rng rng(s.seed, Purpose::test);
  RngStream stream(rng, 1, 0);
  const auto entries = std::size_t(s.clients * s.rows);
  std::vector<std::int32_t> item(entries);
  for (auto& i : item) {
    const double u = stream.uniform();
    const bool popular = stream.below(5) == 0;
    i = std::int32_t(double(s.items) * (popular ? u * u * u * u : u));
  }
  places = {item, s.items};
  x.resize(entries * std::size_t(s.width));
  for (auto& v : x) {
    v = float(stream.uniform() - 0.5);
    if (s.ties) v = std::round(4 * v) / 4;
  }
}

Problem Case::problem() const {
  return {.items = shape.items,
          .width = shape.width,
          .offsets = places.offsets.data(),
          .order = places.order.data(),
          .x = x.data(),
          .median = shape.median,
          .trim = shape.trim};
}

std::string Case::name() const {
  return cat("clients:", shape.clients, "/rows:", shape.rows, "/items:", shape.items,
             "/width:", shape.width, shape.median ? "/median" : cat("/trim:", shape.trim));
}

}  // namespace fedfuse::row_median
