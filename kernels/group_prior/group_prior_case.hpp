#pragma once
// Seeded inputs for the teacher of the group prior, shared by test and benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/group_prior/group_prior.hpp"

namespace fedfuse::group_prior {

struct CaseShape {
  std::int64_t items = 0, features = 256, hidden = 128, groups = 20;
  bool untaught = true;    // group 1 has no sums
  bool untouched = false;  // every third item has no sums, and no part in the complement
  std::uint64_t seed = 1;
};

// Owns the arrays of one Problem. Features have rows of norm about 1; parameters are as training
// has them after some steps; sums are sparse, with popular items.
struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Problem problem() const;
  [[nodiscard]] std::string name() const;

  CaseShape shape;
  Layout layout;
  Array<float> parameters;
  Matrix<float> Z, S;
  std::vector<float> N, c;  // c: empty where every item counts
  double total = 0, largest_row = 0;
};

}  // namespace fedfuse::group_prior
