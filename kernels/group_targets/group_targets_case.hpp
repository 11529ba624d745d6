#pragma once
// Seeded sums of groups, shared by test and benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/group_targets/group_targets.hpp"

namespace fedfuse::group_targets {

struct CaseShape {
  std::int64_t groups = 5, items = 1000;
  int width = 64, views = 1;
  std::uint64_t seed = 1;
};

// Owns the arrays of one Problem. Group 0 has no member: f_00 = 0, and its target is the views'.
struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Problem problem();  // of the case's own targets
  [[nodiscard]] std::string name() const;

  CaseShape shape;
  std::vector<std::int64_t> sums;
  std::vector<float> views, targets;
  std::vector<double> factors;
};

}  // namespace fedfuse::group_targets
