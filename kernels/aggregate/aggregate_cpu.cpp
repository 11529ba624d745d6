// Fixed-point sums: the same bits for any number of threads and any order of clients.
#include <algorithm>
#include <atomic>

#include "core/error.hpp"
#include "core/matrix.hpp"
#include "kernels/aggregate/aggregate.hpp"
#include "kernels/aggregate/finish.hpp"
#include "kernels/aggregate/fixed_add.hpp"

namespace fedfuse::aggregate {
namespace {

void require_fit(const Problem& p) {
  const auto first = p.offsets[0] * p.width, count = p.updates() * p.width;
  if (!all_fit(p.delta + first, count)) throw_misfit();
}

// add(row, x, weight) for every update, threads over clients.
template <class Add>
void for_updates(const Problem& p, const Add& add) {
#pragma omp parallel for schedule(dynamic, 16)
  for (std::int64_t u = 0; u < p.clients; ++u)
    for (std::int64_t e = p.offsets[u]; e < p.offsets[u + 1]; ++e) add(p, u, e);
}

}  // namespace

void cpu_row_locks(const Problem& problem, double* next) {
  require_fit(problem);
  const auto fixed = FixedPoint::for_total_weight(problem.total_weight());
  Array<std::int64_t> sums(std::size_t(problem.items * problem.width));
  RowLocks locks;
  for_updates(problem, [&](const Problem& p, std::int64_t u, std::int64_t e) {
    constexpr std::int64_t ahead = 2;
    if (e + ahead < p.offsets[u + 1])
      prefetch_row(sums.data() + std::int64_t(p.ids[e + ahead]) * p.width, p.width);
    const RowLocks::Hold hold(locks, p.ids[e]);
    add_fixed(sums.data() + std::int64_t(p.ids[e]) * p.width, p.delta + e * p.width, p.width,
              fixed.scale, p.weight[u]);
  });
  finish(problem, fixed, sums, next);
}

void cpu_atomics(const Problem& problem, double* next) {
  require_fit(problem);
  const auto fixed = FixedPoint::for_total_weight(problem.total_weight());
  Array<std::int64_t> sums(std::size_t(problem.items * problem.width));
  for_updates(problem, [&](const Problem& p, std::int64_t u, std::int64_t e) {
    std::int64_t* row = sums.data() + std::int64_t(p.ids[e]) * p.width;
    for (std::int64_t k = 0; k < p.width; ++k) {
      const std::int64_t q = p.weight[u] * to_fixed(double(p.delta[e * p.width + k]), fixed.scale);
      std::atomic_ref(row[k]).fetch_add(q, std::memory_order_relaxed);
    }
  });
  finish(problem, fixed, sums, next);
}

}  // namespace fedfuse::aggregate
