// The opponent: the same overlay sum in float. Rounding depends on the order of additions.
#include <vector>

#include "core/matrix.hpp"
#include "kernels/aggregate/aggregate.hpp"
#include "kernels/aggregate/finish.hpp"
#include "kernels/aggregate/fixed_add.hpp"

namespace fedfuse::aggregate {

void float_order_dependent(const Problem& p, double* next) {
  Array<float> sums(std::size_t(p.items * p.width));
  RowLocks locks;
  std::vector<std::int64_t> row_weight(p.by_counts ? std::size_t(p.items) : 0);
  const float total = float(p.total_weight());
#pragma omp parallel for schedule(dynamic, 16)
  for (std::int64_t u = 0; u < p.clients; ++u) {
    const float alpha = float(p.weight[u]) / total;
    for (std::int64_t e = p.offsets[u]; e < p.offsets[u + 1]; ++e) {
      const RowLocks::Hold hold(locks, p.ids[e]);
      float* row = sums.data() + std::int64_t(p.ids[e]) * p.width;
      const float* x = p.delta + e * p.width;
      for (int k = 0; k < p.width; ++k) row[k] += alpha * x[k];
      if (p.by_counts) row_weight[std::size_t(p.ids[e])] += p.weight[u];
    }
  }
  finish_float(p, sums, row_weight, next);
}

}  // namespace fedfuse::aggregate
