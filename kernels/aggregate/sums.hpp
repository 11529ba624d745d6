#pragma once
// What one client adds, and what it is added to: sums in fixed point (R7), one row an item.
#include <cstdint>
#include <span>
#include <vector>

#include "core/fixed_point.hpp"
#include "core/matrix.hpp"
#include "kernels/aggregate/fixed_add.hpp"

namespace fedfuse::aggregate {

struct Update {
  std::span<const std::int32_t> ids;  // rows that the client touched, each once
  const float* x = nullptr;           // ids.size() x cols
  std::int64_t weight = 1;            // n_u >= 1
};

struct Sums {
  // fixed: FixedPoint::for_total_weight of all weight that may come together in one row.
  // counted: of the weight that touched each row as well.
  Sums(std::int64_t rows, int cols, FixedPoint fixed, bool counted = false)
      : point(fixed),
        values(rows, cols),
        touched(std::size_t(rows)),
        weight(counted ? std::size_t(rows) : 0) {}

  FixedPoint point;
  Matrix<std::int64_t> values;        // S: rows x cols
  std::vector<std::uint8_t> touched;  // of each row: 0 or 1
  std::vector<std::int64_t> weight;   // of each row: the sum of n_u of its clients; empty: none
  RowLocks locks;
};

}  // namespace fedfuse::aggregate
