#include <algorithm>
#include <cmath>

#include "kernels/aggregate/fixed_add.hpp"
#include "kernels/row_median/row_median.hpp"

namespace fedfuse::row_median {
namespace {

// n round(mean of the kept values), in units of the sums. column: n values, reordered.
std::int64_t combine(float* column, std::int64_t n, std::int64_t cut, double scale) {
  if (cut > 0) {
    std::nth_element(column, column + cut, column + n);
    std::nth_element(column + cut, column + (n - cut - 1), column + n);
  }
  std::int64_t sum = 0;
  for (std::int64_t j = cut; j < n - cut; ++j) sum += aggregate::to_fixed(double(column[j]), scale);
  return std::llrint(double(sum) * (double(n) / double(n - 2 * cut)));
}

}  // namespace

void run_cpu(const Problem& p, std::int64_t* S) {
#pragma omp parallel
  {
    std::vector<float> columns;
#pragma omp for schedule(dynamic, 16)
    for (std::int64_t i = 0; i < p.items; ++i) {
      const auto first = p.offsets[i], n = p.offsets[i + 1] - first;
      std::fill_n(S + i * p.width, p.width, 0);
      if (n == 0) continue;
      columns.resize(std::size_t(n) * std::size_t(p.width));
      for (std::int64_t j = 0; j < n; ++j) {
        const float* row = p.x + std::int64_t(p.order[first + j]) * p.width;
        for (int k = 0; k < p.width; ++k) columns[std::size_t(k * n + j)] = row[k];
      }
      const auto cut = cut_of(p, n);
      for (int k = 0; k < p.width; ++k)
        S[i * p.width + k] = combine(columns.data() + k * n, n, cut, p.scale);
    }
  }
}

}  // namespace fedfuse::row_median
