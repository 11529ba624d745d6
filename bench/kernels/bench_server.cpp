// What the server does in every round: the sum of the row updates, the preference map, the ranks.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <memory>
#include <vector>

#include "kernels/aggregate/aggregate_case.hpp"
#include "kernels/group_targets/group_targets_case.hpp"
#include "kernels/kmeans/kmeans_case.hpp"
#include "kernels/preference/preference_case.hpp"
#include "kernels/production.hpp"
#include "kernels/rank/rank_case.hpp"
#include "kernels/teacher/teacher_case.hpp"
#include "kernels/teacher/teacher_net.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

// The updates and the sums, and in whole problems the tables before and after.
double held_by(const aggregate::Problem& p, double a_number) {
  const double updates = double(p.updates()) * (4.0 + 4.0 * double(p.width));
  return updates + double(p.items) * double(p.width) * a_number;
}

// 2,000 clients' rows (85 x 64 each, 45 MB) into a table of 1,000, 10,000 or 100,000 rows (5
// groups' tables of 2,000 items: 10,000).
void aggregate_updates(benchmark::State& state) {
  omp_set_num_threads(1);
  const auto& variant = aggregate::variants()[std::size_t(state.range(0))];
  aggregate::CaseShape shape;
  shape.clients = 2000;
  shape.items = state.range(1);
  shape.width = 64;
  shape.touched = 85;
  const aggregate::Case input(shape);
  const auto problem = input.problem();
  std::vector<double> next(std::size_t(shape.items) * 64);
  for (auto _ : state) {
    variant.run(problem, next.data());
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(),
                 .bytes = problem.bytes(),
                 .held = held_by(problem, 8.0 + 4.0 + 8.0)});
  state.counters["clients/s"] =
      benchmark::Counter(double(shape.clients), benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(std::string(variant.name) + (variant.order_dependent ? " (order-dependent)" : ""));
}
// Every variant of the CPU but the reference, which takes minutes; a device's are device cases
// (bench/device).
void variants_of_the_processor(benchmark::internal::Benchmark* b) {
  for (std::size_t v = 0; v < aggregate::variants().size(); ++v)
    for (const std::int64_t items : {1000, 10000, 100000})
      if (aggregate::variants()[v].runs == gpu::Runs::everywhere &&
          aggregate::variants()[v].name != "reference")
        b->Args({std::int64_t(v), items});
}
BENCHMARK(aggregate_updates)->Apply(variants_of_the_processor)->Unit(benchmark::kMillisecond);

// The additions of a round as the engine makes them: a client's rows at once, from so many threads,
// into sums that stay. Wall time.
void aggregate_clients(benchmark::State& state) {
  const int threads = int(state.range(0));
  const Kernels kernels;
  const aggregate::Case input(
      {.clients = 2000, .items = state.range(1), .width = 64, .touched = 85});
  const auto p = input.problem();
  // a thousand rounds come together
  aggregate::Sums sums(p.items, p.width, FixedPoint::for_total_weight(p.total_weight() << 10));
  bool fit = true;
  for (auto _ : state) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) reduction(&& : fit)
    for (std::int64_t u = 0; u < p.clients; ++u) fit = kernels.add(sums, p.update(u)) && fit;
  }
  if (!fit) state.SkipWithError("a value does not fit");
  const double cells = double(p.updates()) * p.width;
  report(state, {.flops = 2 * cells,
                 .bytes = double(p.updates()) * 4 + cells * (4 + 8 + 8),
                 .held = held_by(p, 8.0),
                 .threads = threads});
  state.counters["clients/s"] =
      benchmark::Counter(double(p.clients), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(aggregate_clients)
    ->ArgNames({"threads", "items"})
    ->ArgsProduct({{1, 2, 8}, {1000, 100000}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// G groups' preferences for M items with 512-wide text and image features (R4).
void preference_map(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  preference::Shape shape;
  shape.items = state.range(0);
  shape.groups = state.range(1);
  preference::Case input(shape);
  const auto problem = input.problem();
  for (auto _ : state) {
    kernels.preferences(problem);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(), .bytes = problem.bytes()});
  state.counters["items/s"] =
      benchmark::Counter(double(shape.items), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(preference_map)
    ->Args({560, 5})
    ->Args({20000, 5})
    ->Args({20000, 64})
    ->Unit(benchmark::kMillisecond);

// The nearest of G centres for N heads of p numbers (GFMFR's grouping beyond its landmarks).
void kmeans_nearest(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const kmeans::Case input({.count = state.range(0),
                            .columns = state.range(1),
                            .groups = state.range(2),
                            .with_step = false});
  const auto problem = input.nearest();
  std::vector<std::int32_t> group(std::size_t(problem.count));
  for (auto _ : state) {
    kernels.nearest(problem, group.data());
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(), .bytes = problem.bytes()});
  state.counters["points/s"] =
      benchmark::Counter(double(problem.count), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(kmeans_nearest)
    ->Name("kmeans/nearest")
    ->Args({131072, 65, 5})
    ->Args({131072, 65, 64})
    ->Args({2048, 8385, 5})
    ->Unit(benchmark::kMillisecond);

// One step of Lloyd over N points of p numbers.
void kmeans_step(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  const kmeans::Case input(
      {.count = state.range(0), .columns = state.range(1), .groups = state.range(2)});
  const auto problem = input.step();
  kmeans::StepResult out;
  for (auto _ : state) {
    kernels.step(problem, out);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(), .bytes = problem.bytes()});
  state.counters["points/s"] =
      benchmark::Counter(double(problem.count), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(kmeans_step)
    ->Name("kmeans/step")
    ->Args({65536, 65, 5})
    ->Args({65536, 65, 64})
    ->Unit(benchmark::kMillisecond);

// The targets of 5 groups from their sums.
void targets_of_groups(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  group_targets::Case input({.groups = 5, .items = state.range(0), .width = 64});
  const auto problem = input.problem();
  for (auto _ : state) {
    kernels.group_targets(problem);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(), .bytes = problem.bytes(), .held = problem.bytes()});
  state.counters["rows/s"] = benchmark::Counter(double(problem.groups * problem.items),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(targets_of_groups)
    ->Name("group_targets")
    ->Arg(1000)
    ->Arg(100000)
    ->Unit(benchmark::kMillisecond);

// Features and targets; parameters, their gradient and Adam's two moments.
double held_by(const teacher::Problem& p, const teacher::Case& input) {
  const auto& shape = p.shape;
  const double an_item = double(shape.d_text + shape.d_image + p.groups * shape.d);
  return 4.0 * (double(shape.items) * an_item + 4.0 * double(input.values.size()));
}

// 64 steps of the teacher: 51 items x 5 groups, or 256 pairs.
void teacher_steps(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  teacher::Case input({{5, 3264, 64, 512, 512, 512}, 5, {state.range(0) == 1, 256}});
  const auto problem = input.problem();
  teacher::Workspace workspace;
  for (auto _ : state) {
    kernels.teacher_epoch(problem, workspace);
    benchmark::ClobberMemory();
  }
  report(state,
         {.flops = problem.flops(), .bytes = problem.bytes(), .held = held_by(problem, input)});
  state.counters["steps/s"] = benchmark::Counter(double(problem.steps_an_epoch()),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(state.range(0) == 1 ? "batches of items" : "batches of pairs");
}
BENCHMARK(teacher_steps)->Arg(1)->Arg(0)->Unit(benchmark::kMillisecond);

// 256 clients rank M items: validation and test rank of each (R5, R2).
void rank_count(benchmark::State& state) {
  omp_set_num_threads(1);
  const Kernels kernels;
  rank::CaseShape shape;
  shape.clients = 256;
  shape.items = state.range(1);
  shape.d = 64;
  shape.dropped = 17;
  shape.exact = false;
  static const char* const names[] = {"linear", "mlp, shared head", "mlp, private heads",
                                      "mlp, shared head, personal rows", "linear, 3 views"};
  const auto which = state.range(0);
  if (which >= 1 && which <= 3) shape.head = HeadKind::mlp;
  shape.shared_head = which == 1 || which == 3;
  if (which == 3) {
    shape.own_rows = rank::OwnRows::add;
    shape.own = 85;
  }
  if (which == 4) shape.views = 3;
  const rank::Case input(shape);
  const auto problem = input.problem();
  std::vector<rank::Ranks> out(std::size_t(shape.clients));
  for (auto _ : state) {
    kernels.ranks(problem, out);
    benchmark::ClobberMemory();
  }
  report(state, {.flops = problem.flops(), .bytes = problem.bytes()});
  state.counters["clients/s"] =
      benchmark::Counter(double(shape.clients), benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(names[which]);
}
BENCHMARK(rank_count)->ArgsProduct({{0, 1, 2, 3, 4}, {560, 20000}})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedfuse::bench
