#pragma once
// The counters that every kernel benchmark reports: FLOP and bytes by the problem's own formula,
// rates, and the ratio to the ceilings of the same process.
#include <benchmark/benchmark.h>

#include "support/ceilings.hpp"

namespace fedfuse::bench {

// threads: how many share the work; the ceilings of one thread are scaled by it (memory is not: one
// bus serves all).
inline void report(benchmark::State& state, double flops, double bytes, int threads = 1) {
  using benchmark::Counter;
  const auto& top = ceilings();
  state.counters["FLOP"] = flops;
  state.counters["bytes"] = bytes;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["B/s"] = Counter(bytes, Counter::kIsIterationInvariantRate);
  state.counters["of_fma"] =
      Counter(flops / (top.flops * threads), Counter::kIsIterationInvariantRate);
  state.counters["of_copy"] = Counter(bytes / top.copy_bytes, Counter::kIsIterationInvariantRate);
}

}  // namespace fedfuse::bench
