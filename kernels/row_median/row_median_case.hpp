#pragma once
// Seeded inputs for the order statistics of rows, shared by test and benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/row_median/row_median.hpp"

namespace fedfuse::row_median {

struct CaseShape {
  std::int64_t clients = 100, rows = 65, items = 1000;  // rows: that a client touches, at most
  int width = 64;
  bool median = true;
  double trim = 0.1;
  bool ties = false;  // values of a few sizes only
  std::uint64_t seed = 1;
};

// Owns the arrays of one Problem: one row of five touches popular items, the others any.
struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Problem problem() const;
  [[nodiscard]] std::string name() const;

  CaseShape shape;
  Places places{{}, 0};
  std::vector<float> x;
};

}  // namespace fedfuse::row_median
