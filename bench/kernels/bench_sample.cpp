// The samples of one client's round: 17 positives of 3,000 items, 85 samples, 5 epochs (the typical
// client of the papers' data).
#include <benchmark/benchmark.h>

#include <numeric>

#include "kernels/production.hpp"

namespace fedfuse::bench {
namespace {

void sample_draw(benchmark::State& state) {
  const Kernels kernels;
  sample::Rules rules{Rng(1, Purpose::negatives), Rng(1, Purpose::shuffle)};
  rules.items = 3000;
  rules.epochs = 5;
  std::vector<std::int32_t> positives(17);
  std::iota(positives.begin(), positives.end(), 40);
  for (auto& item : positives) item *= 31;
  sample::Samples samples;
  std::uint32_t round = 0;
  for (auto _ : state) {
    kernels.draw(rules, {7, positives}, ++round, samples);
    benchmark::DoNotOptimize(samples.slot.data());
    benchmark::ClobberMemory();
  }
  state.counters["clients/s"] =
      benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(sample_draw)->Name("sample/draw")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fedfuse::bench
