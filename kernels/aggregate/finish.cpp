#include "kernels/aggregate/finish.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace fedfuse::aggregate {

void throw_misfit() {
  throw InputError("a row update does not fit fixed point",
                   "it is not a number or not below 1024: the training diverged",
                   "use smaller learning rates");
}

namespace {

// What the sum of row i is divided by: W, or W_i / eta_S.
double divisor(const Problem& p, std::span<const std::int64_t> row_weight, double total,
               std::int64_t i) {
  if (!p.by_counts) return total;
  return double(std::max<std::int64_t>(1, row_weight[std::size_t(i)])) / p.server_rate;
}

}  // namespace

void finish(const Problem& p, const FixedPoint& fixed, const Array<std::int64_t>& sums,
            std::span<const std::int64_t> row_weight, double* next) {
  const double total = double(p.total_weight());
  std::int64_t keep_sum = 0;
  for (std::int64_t u = 0; u < p.clients; ++u)
    keep_sum += p.weight[u] * fixed.encode(double(p.rho[u]));
  const double keep = fixed.decode(keep_sum) / total;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < p.items; ++i) {
    const double by = divisor(p, row_weight, total, i);
    for (std::int64_t j = i * p.width; j < (i + 1) * p.width; ++j)
      next[j] = keep * double(p.table[j]) + fixed.decode(sums[std::size_t(j)]) / by;
  }
}

void finish_float(const Problem& p, const Array<float>& sums,
                  std::span<const std::int64_t> row_weight, double* next) {
  const float total = float(p.total_weight());
  float keep = 0;
  for (std::int64_t u = 0; u < p.clients; ++u) keep += float(p.weight[u]) / total * p.rho[u];
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < p.items; ++i) {
    const auto by = float(divisor(p, row_weight, double(total), i) / double(total));
    for (std::int64_t j = i * p.width; j < (i + 1) * p.width; ++j)
      next[j] = double(keep * p.table[j] + sums[std::size_t(j)] / by);
  }
}

}  // namespace fedfuse::aggregate
