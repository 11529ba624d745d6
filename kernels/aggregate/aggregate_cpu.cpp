// Fixed-point sums: the same bits for any number of threads and any order of clients.
#include <atomic>

#include "core/parallel.hpp"
#include "kernels/aggregate/aggregate.hpp"
#include "kernels/aggregate/finish.hpp"

namespace fedfuse::aggregate {
namespace {

bool fits(const Sums& sums, const Update& update) {
  return all_fit(update.x, std::int64_t(update.ids.size()) * sums.values.cols, sums.point.largest);
}

void add_row(Sums& sums, std::int32_t row, const float* x, std::int64_t weight) {
  add_fixed(sums.values.row(row), x, sums.values.cols, sums.point.scale, weight);
  sums.touched[std::size_t(row)] = 1;
  if (!sums.weight.empty()) sums.weight[std::size_t(row)] += weight;
}

void all_clients(Add add, const Problem& p, double* next) {
  Sums sums(p.items, p.width, FixedPoint::for_total_weight(p.total_weight()), p.by_counts);
  bool fit = true;
#pragma omp parallel for schedule(dynamic, 16) reduction(&& : fit)
  for (std::int64_t u = 0; u < p.clients; ++u) fit = add(sums, p.update(u)) && fit;
  if (!fit) throw_misfit();
  finish(p, sums.point, sums.values.values, sums.weight, next);
}

}  // namespace

bool add_row_locks(Sums& sums, const Update& update) {
  if (!fits(sums, update)) return false;
  const bool alone = !in_parallel();
  const int cols = int(sums.values.cols);
  constexpr std::size_t ahead = 2;  // rows: enough to hide a miss behind two additions
  for (std::size_t i = 0; i < update.ids.size(); ++i) {
    if (i + ahead < update.ids.size()) prefetch_row(sums.values.row(update.ids[i + ahead]), cols);
    const auto row = update.ids[i];
    const float* x = update.x + std::int64_t(i) * cols;
    if (alone) {
      add_row(sums, row, x, update.weight);
    } else {
      const RowLocks::Hold hold(sums.locks, row);
      add_row(sums, row, x, update.weight);
    }
  }
  return true;
}

bool add_atomics(Sums& sums, const Update& update) {
  if (!fits(sums, update)) return false;
  const std::int64_t cols = sums.values.cols;
  const float* x = update.x;
  for (const auto id : update.ids) {
    std::int64_t* row = sums.values.row(id);
    for (std::int64_t k = 0; k < cols; ++k) {
      const std::int64_t q = update.weight * to_fixed(double(x[k]), sums.point.scale);
      std::atomic_ref(row[k]).fetch_add(q, std::memory_order_relaxed);
    }
    std::atomic_ref(sums.touched[std::size_t(id)]).store(1, std::memory_order_relaxed);
    if (!sums.weight.empty())
      std::atomic_ref(sums.weight[std::size_t(id)])
          .fetch_add(update.weight, std::memory_order_relaxed);
    x += cols;
  }
  return true;
}

void cpu_row_locks(const Problem& problem, double* next) {
  all_clients(add_row_locks, problem, next);
}
void cpu_atomics(const Problem& problem, double* next) { all_clients(add_atomics, problem, next); }

}  // namespace fedfuse::aggregate
