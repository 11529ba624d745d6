#include "kernels/aggregate/finish.hpp"

#include "core/error.hpp"

namespace fedfuse::aggregate {

void throw_misfit() {
  throw InputError("a row update does not fit fixed point",
                   "it is not a number or not below 1024: the training diverged",
                   "use smaller learning rates");
}

void finish(const Problem& p, const FixedPoint& fixed, const Array<std::int64_t>& sums,
            double* next) {
  const double total = double(p.total_weight());
  std::int64_t keep_sum = 0;
  for (std::int64_t u = 0; u < p.clients; ++u)
    keep_sum += p.weight[u] * fixed.encode(double(p.rho[u]));
  const double keep = fixed.decode(keep_sum) / total;
#pragma omp parallel for schedule(static)
  for (std::int64_t j = 0; j < p.items * p.width; ++j)
    next[j] = keep * double(p.table[j]) + fixed.decode(sums[std::size_t(j)]) / total;
}

void finish_float(const Problem& p, const Array<float>& sums, double* next) {
  const float total = float(p.total_weight());
  float keep = 0;
  for (std::int64_t u = 0; u < p.clients; ++u) keep += float(p.weight[u]) / total * p.rho[u];
#pragma omp parallel for schedule(static)
  for (std::int64_t j = 0; j < p.items * p.width; ++j)
    next[j] = double(keep * p.table[j] + sums[std::size_t(j)]);
}

}  // namespace fedfuse::aggregate
