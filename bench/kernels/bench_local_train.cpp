// A client's whole local round: 17 positives, 85 samples, 5 epochs, d = 64 (the typical client of
// the papers' data), per head. Hot: the client is in the cache; cold: clients follow each other
// through 64 MiB, as in a round.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "kernels/local_train/local_train_case.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

using namespace local_train;

CaseShape shape_of(int which) {
  switch (which) {
    case 0:
      return {};
    case 1:
      return {.head = HeadKind::mlp};
    case 2:
      return {.head = HeadKind::neumf};
    case 3:
      return {.head = HeadKind::mlp, .personal = true, .lambda = 0.5};
    default:
      return {.head = HeadKind::linear, .views = 3, .rows_trained = false};
  }
}

void local_train_clients(benchmark::State& state) {
  const auto shape = shape_of(int(state.range(0)));
  const bool cold = state.range(1) != 0;
  std::vector<std::unique_ptr<Case>> clients;
  do clients.push_back(std::make_unique<Case>(shape, clients.size() + 1));
  while (cold && double(clients.size()) * clients.front()->problem().bytes() < double(64 << 20));
  const auto& variant = production();
  std::size_t next = 0;
  for (auto _ : state) {
    auto& client = *clients[next];
    benchmark::DoNotOptimize(client.run(variant));
    if (++next == clients.size()) next = 0;
    if (next == 0) {  // weights drift as they train: start again before they leave the normal range
      state.PauseTiming();
      for (auto& c : clients) c->reset();
      state.ResumeTiming();
    }
  }
  const auto problem = clients.front()->problem();
  report(state, problem.flops(), problem.bytes());
  state.counters["client_rounds/s"] =
      benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
  static const char* const names[] = {"linear", "mlp", "neumf", "mlp+personal+distill",
                                      "linear+router3"};
  state.SetLabel(std::string(names[state.range(0)]) + (cold ? " cold" : " hot"));
}
BENCHMARK(local_train_clients)
    ->ArgsProduct({{0, 1, 2, 3, 4}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fedfuse::bench
