#pragma once
// Seeded inputs for the k-means kernels, shared by their test and benchmark.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/kmeans/kmeans.hpp"

namespace fedfuse::kmeans {

struct CaseShape {
  std::int64_t count = 100, columns = 9, groups = 3;
  // Small integers everywhere, and every other centre the one before it: scores that are equal are
  // equal in any order of sums, and groups are empty.
  bool ties = false;
  std::uint64_t seed = 1;
  bool with_step = true;  // else a case of nearest only, without points in double
};

struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Nearest nearest() const;
  [[nodiscard]] Step step() const;

  CaseShape shape;
  Array<float> points;                       // around as many centres as groups
  std::vector<double> mean, weight, square;  // as from centres in standardised columns
  // the points in double, with digits that a float does not hold
  std::vector<double> wide;
  std::vector<double> centres;  // near those of the points
};

}  // namespace fedfuse::kmeans
