// The teacher of the group prior: one full-batch gradient and the logits of M items, with P
// features, h = 128 and G = 20; and a whole round of training as `fedfuse train` does it.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <vector>

#include "core/comm.hpp"
#include "kernels/group_prior/gradient_sum.hpp"
#include "kernels/group_prior/group_prior_case.hpp"
#include "kernels/production.hpp"
#include "server/prior_teacher.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

void count_items(benchmark::State& state) {
  state.counters["items/s"] =
      benchmark::Counter(double(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}

group_prior::Case case_of(const benchmark::State& state) {
  return group_prior::Case({.items = state.range(0), .features = state.range(1)});
}

void prior_gradient(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const auto input = case_of(state);
  const auto problem = input.problem();
  group_prior::Workspace workspace;
  group_prior::GradientSum sum(problem.layout);
  std::vector<float> gradient(problem.layout.size);
  for (auto _ : state) {
    sum.start(group_prior::sum_unit(problem));
    if (!kernels.prior_gradient(problem, {0, problem.items}, workspace, sum))
      return state.SkipWithError("a gradient is not finite");
    sum.decode(problem, gradient);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.gradient_flops(), .bytes = problem.gradient_bytes()});
  count_items(state);
}
BENCHMARK(prior_gradient)
    ->Name("group_prior/gradient")
    ->Args({560, 256})
    ->Args({8192, 128})
    ->Unit(benchmark::kMillisecond);

void prior_logits(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const auto input = case_of(state);
  const auto problem = input.problem();
  group_prior::Workspace workspace;
  std::vector<float> L(std::size_t(problem.items * problem.layout.G));
  for (auto _ : state) {
    kernels.prior_logits(problem, {0, problem.items}, workspace, L.data());
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.logits_flops(), .bytes = problem.logits_bytes()});
  count_items(state);
}
BENCHMARK(prior_logits)
    ->Name("group_prior/logits")
    ->Args({560, 256})
    ->Args({8192, 128})
    ->Unit(benchmark::kMillisecond);

// --prior-steps 10 towards the sums of the case; features of width P, which are not projected.
void prior_round(benchmark::State& state) {
  omp_set_num_threads(1);
  const auto comm = Comm::without_mpi();
  const auto input = case_of(state);
  Config config;
  config.prior.projection = state.range(1);
  Dataset data;
  data.items = state.range(0);
  data.text = input.Z;
  data.has_text.assign(std::size_t(data.items), 1);
  PriorTeacher teacher(config, data);
  const std::vector<double> mass(std::size_t(config.prior.groups), 1e3);
  for (auto _ : state) benchmark::DoNotOptimize(teacher.train(input.S, mass, comm));
  auto problem = input.problem();
  const double steps = double(config.prior.steps);
  report(state, {.flops = steps * problem.gradient_flops(),
                 .bytes = steps * problem.gradient_bytes(),
                 .held = problem.gradient_bytes()});
  count_items(state);
}
BENCHMARK(prior_round)
    ->Name("group_prior/round")
    ->Args({560, 256})
    ->Args({100000, 128})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedfuse::bench
