#include "kernels/group_targets/group_targets_case.hpp"

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::group_targets {

Case::Case(const CaseShape& s) : shape(s) {
  RngStream stream(Rng(s.seed, Purpose::test), 1, 0);
  const auto cells = std::size_t(s.items) * std::size_t(s.width), groups = std::size_t(s.groups);
  sums.resize(groups * cells);
  for (auto& q : sums)
    q = std::int64_t((stream.uniform() - 0.5) * 0x1p40) * std::int64_t(stream.below(3));
  views.resize(std::size_t(s.views) * cells);
  for (auto& v : views) v = float(stream.uniform() - 0.5);
  targets.resize(groups * cells);
  for (std::size_t l = 0; l < groups; ++l) {
    factors.push_back(l == 0 ? 0.0 : 0x1p-32 / double(1 + stream.below(1000)));
    for (int j = 0; j < s.views; ++j) factors.push_back(stream.uniform());
  }
}

Problem Case::problem() {
  Problem p{.groups = shape.groups,
            .items = shape.items,
            .width = shape.width,
            .views = shape.views,
            .sums = sums.data(),
            .factors = factors.data(),
            .targets = targets.data()};
  for (int j = 0; j < shape.views; ++j) p.view[std::size_t(j)] = views.data() + j * p.cells();
  return p;
}

std::string Case::name() const {
  return cat("groups:", shape.groups, "/items:", shape.items, "/width:", shape.width,
             "/views:", shape.views);
}

}  // namespace fedfuse::group_targets
