#pragma once
// The counters that every kernel benchmark reports: FLOP and bytes by the problem's own formula,
// rates, the floors, and the ratio to the ceilings of the same process.
#include <benchmark/benchmark.h>

#include "support/ceilings.hpp"
#include "support/floors.hpp"

namespace fedfuse::bench {

inline void report(benchmark::State& state, const Work& work) {
  const auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  const double copy = copy_bytes(work.threads);
  const auto least = floors(work, ceilings(), copy, cores_allowed());
  state.counters["FLOP"] = work.flops;
  state.counters["bytes"] = work.bytes;
  state.counters["FLOP/s"] = rate(work.flops);
  state.counters["B/s"] = rate(work.bytes);
  state.counters["of_fma"] = rate(least.fma_seconds);
  state.counters["of_copy"] = rate(work.bytes / copy);
  state.counters["of_floor"] = rate(least.larger());
  state.counters["fma_floor_s"] = least.fma_seconds;
  state.counters["bytes_floor_s"] = least.bytes_seconds;
  state.counters["cache_level"] = least.cache_level;
}

}  // namespace fedfuse::bench
