// Order statistics of an item's rows, beside the sum that they replace: 65 rows of 64 numbers a
// client, one of five of a popular item.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <vector>

#include "kernels/production.hpp"
#include "kernels/row_median/row_median_case.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

void row_statistic(benchmark::State& state, bool median) {
  omp_set_num_threads(1);
  const Kernels kernels;
  row_median::CaseShape shape{.clients = state.range(0), .items = state.range(1)};
  shape.median = median;
  const row_median::Case input(shape);
  const auto problem = input.problem();
  std::vector<std::int64_t> S(std::size_t(problem.items * problem.width));
  for (auto _ : state) {
    kernels.row_statistic(problem, S.data());
    benchmark::ClobberMemory();
  }
  const double values = double(problem.entries()) * problem.width;
  // every value is looked at once
  report(state, {.flops = values, .bytes = problem.bytes()});
  state.counters["values/s"] =
      benchmark::Counter(values, benchmark::Counter::kIsIterationInvariantRate);
}
void median(benchmark::State& state) { row_statistic(state, true); }
void trimmed(benchmark::State& state) { row_statistic(state, false); }
BENCHMARK(median)
    ->Name("row_median/median")
    ->Args({200, 560})
    ->Args({10000, 10000})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(trimmed)
    ->Name("row_median/trimmed")
    ->Args({200, 560})
    ->Args({10000, 10000})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedfuse::bench
