#pragma once
// The rows of a round, kept one by one for --defence row-median and row-trimmed, and what takes the
// place of their sums (kernels/row_median). Their memory is that of all uploads of a rank, twice
// while they travel.
#include <cstdint>
#include <mutex>
#include <vector>

#include "aggregation/row_sum.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/matrix.hpp"
#include "kernels/row_median/row_median.hpp"

namespace fedfuse {

class RobustRows {
 public:
  RobustRows(const AttackOptions& options, int views, int width, row_median::Function kernel)
      : options_(options), width_(width), kernel_(kernel), rows_(std::size_t(views)) {}
  // rows: views x items x width. Thread-safe.
  void add(std::span<const std::int32_t> items, const float* rows);
  // Collective, after sums[j].reduce(): n times the statistic of each row, in place of its sum.
  void replace(std::vector<RowSum>& sums, const Comm& comm);

 private:
  void replace(RowSum& sum, const Array<float>& rows, const Comm& comm) const;
  AttackOptions options_;
  int width_;
  row_median::Function kernel_;
  std::mutex one_;
  std::vector<std::int32_t> items_;  // of each row
  std::vector<Array<float>> rows_;   // of each view
};

}  // namespace fedfuse
