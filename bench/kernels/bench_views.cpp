// FedVLR's item views and their way back: M items, d = 64, text and image features of 512, three
// views; a fifth of the items has no text, another no image.
#include <benchmark/benchmark.h>
#include <omp.h>

#include "kernels/production.hpp"
#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_case.hpp"
#include "kernels/views/views_workspace.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

void count_items(benchmark::State& state) {
  state.counters["items/s"] =
      benchmark::Counter(double(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}

void views_forward(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const views::Case input({.items = state.range(0)});
  const auto problem = input.problem();
  std::vector<Array<float>> F(problem.layout.views.size(),
                              Array<float>(std::size_t(problem.items * problem.layout.d)));
  std::array<float*, views::branches> out{};
  for (std::size_t j = 0; j < F.size(); ++j) out[j] = F[j].data();
  views::Workspace workspace;
  for (auto _ : state) {
    kernels.views_forward(problem, {0, problem.items}, workspace, out);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.forward_flops(), .bytes = problem.forward_bytes()});
  count_items(state);
}
BENCHMARK(views_forward)->Name("views/forward")->Arg(560)->Arg(8192)->Unit(benchmark::kMillisecond);

void views_backward(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const views::Case input({.items = state.range(0)});
  const auto problem = input.problem();
  Array<float> grad_D(std::size_t(problem.items * problem.layout.d));
  views::Workspace workspace;
  views::ExactSum sum(problem.layout.size);
  for (auto _ : state) {
    sum.clear();
    if (!kernels.views_backward(problem, {0, problem.items}, 1.0f, workspace, sum, grad_D.data()))
      return state.SkipWithError("a gradient is not finite");
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.backward_flops(), .bytes = problem.backward_bytes()});
  count_items(state);
}
BENCHMARK(views_backward)
    ->Name("views/backward")
    ->Arg(560)
    ->Arg(8192)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedfuse::bench
