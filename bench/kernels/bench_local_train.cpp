// A client's whole local round: 17 positives, 85 samples, 5 epochs, d = 64 (the typical client of
// the papers' data), per head. Hot: the client is in the cache; cold: clients follow each other
// through 64 MiB, as in a round.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kernels/local_train/local_train_case.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

using namespace local_train;

struct Row {
  std::string name;
  CaseShape shape;
};
// The first heads of the table; two more forms of a round; then the heads that were added to the
// table since, so that a row keeps its number in the records.
std::vector<Row> make_rows() {
  std::vector<Row> rows;
  const auto plain = [&](HeadKind head) { rows.push_back({text_of(head), {.head = head}}); };
  constexpr std::size_t first_heads = 3;
  for (const auto head : all_heads().first(first_heads)) plain(head);
  rows.push_back(
      {"mlp+personal+distill", {.head = HeadKind::mlp, .personal = true, .lambda = 0.5}});
  rows.push_back({"linear+router3", {.views = 3, .rows_trained = false}});
  for (const auto head : all_heads().subspan(first_heads)) plain(head);
  constexpr int many = 200;  // positives of a client of 1,000 samples, four batches an epoch
  rows.push_back({"mlp, 1,000 samples", {.head = HeadKind::mlp, .positives = many}});
  rows.push_back({"neumf, 1,000 samples", {.head = HeadKind::neumf, .positives = many}});
  rows.push_back(
      {"linear+router3, 1,000 samples", {.views = 3, .rows_trained = false, .positives = many}});
  return rows;
}
const std::vector<Row>& rows() {
  static const auto table = make_rows();
  return table;
}

// Weights drift as they train: a client starts again before they leave the normal range. Reading
// the clock for it takes a microsecond, so it is done once in many runs.
constexpr std::size_t runs_to_reset = 32;

void local_train_clients(benchmark::State& state) {
  const auto& [name, shape] = rows()[std::size_t(state.range(0))];
  const bool cold = state.range(1) != 0;
  std::vector<std::unique_ptr<Case>> clients;
  do clients.push_back(std::make_unique<Case>(shape, clients.size() + 1));
  while (cold && double(clients.size()) * clients.front()->problem().bytes() < double(64 << 20));
  const auto& variant = production();
  std::size_t next = 0, runs = 0;
  for (auto _ : state) {
    auto& client = *clients[next];
    benchmark::DoNotOptimize(client.run(variant));
    if (++next == clients.size()) next = 0;
    if (++runs == std::max(clients.size(), runs_to_reset)) {
      runs = 0;
      state.PauseTiming();
      for (auto& c : clients) c->reset();
      state.ResumeTiming();
    }
  }
  const auto problem = clients.front()->problem();
  // a client's data go in and out; a cold client comes back after all the others
  const double of_a_client = problem.bytes() / 2;
  report(state, {.flops = problem.flops(),
                 .bytes = problem.bytes(),
                 .held = of_a_client * double(clients.size())});
  state.counters["client_rounds/s"] =
      benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(name + (cold ? " cold" : " hot"));
}
void hot_and_cold(benchmark::internal::Benchmark* b) {
  for (std::size_t row = 0; row < rows().size(); ++row)
    for (const int cold : {0, 1}) b->Args({std::int64_t(row), cold});
}
BENCHMARK(local_train_clients)->Apply(hot_and_cold)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fedfuse::bench
