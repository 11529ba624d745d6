#pragma once
// Seeded inputs for the aggregation kernel, shared by its test and its benchmark.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/aggregate/aggregate.hpp"

namespace fedfuse::aggregate {

struct CaseShape {
  std::int64_t clients = 100, items = 50;
  int width = 8;
  int touched = 10;       // rows a client, ascending
  bool weighted = false;  // n_u in 1..40, else 1
  std::uint64_t seed = 1;
  bool by_counts = false;
  // 0: every item is as popular; else item i is touched in proportion to (i + 1)^-skew, about
  double skew = 0;
};

struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Problem problem() const;

  CaseShape shape;
  std::vector<std::int64_t> offsets, weight;
  std::vector<std::int32_t> ids;
  Array<float> delta, rho, table;
};

}  // namespace fedfuse::aggregate
