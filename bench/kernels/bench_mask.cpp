// Masks of a client on its words: 143 masks (142 partners and its own) on a window, and on a table
// of 560 x 64. Each variant beside the others; the ceiling is AES rounds in registers.
#include <benchmark/benchmark.h>

#include <string>

#include "core/timer.hpp"
#include "kernels/mask/mask_case.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

#ifdef __x86_64__
// Twelve chains hide the latency; a round is one instruction on four blocks. What the registers
// hold does not matter.
double time_rounds(std::int64_t steps) {
  constexpr double chains = 12;
  const double start = thread_cpu_seconds();
  for (std::int64_t step = 0; step < steps; ++step)
    asm volatile(
        "vaesenc %%zmm15, %%zmm0, %%zmm0\n\t"
        "vaesenc %%zmm15, %%zmm1, %%zmm1\n\t"
        "vaesenc %%zmm15, %%zmm2, %%zmm2\n\t"
        "vaesenc %%zmm15, %%zmm3, %%zmm3\n\t"
        "vaesenc %%zmm15, %%zmm4, %%zmm4\n\t"
        "vaesenc %%zmm15, %%zmm5, %%zmm5\n\t"
        "vaesenc %%zmm15, %%zmm6, %%zmm6\n\t"
        "vaesenc %%zmm15, %%zmm7, %%zmm7\n\t"
        "vaesenc %%zmm15, %%zmm8, %%zmm8\n\t"
        "vaesenc %%zmm15, %%zmm9, %%zmm9\n\t"
        "vaesenc %%zmm15, %%zmm10, %%zmm10\n\t"
        "vaesenc %%zmm15, %%zmm11, %%zmm11\n\t"
        :
        :
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11");
  return 4 * chains * double(steps) / (thread_cpu_seconds() - start);
}
#endif

// Rounds of a block in a second; 0 where the machine has no such vectors.
double aes_rounds() {
#ifdef __x86_64__
  if (mask::has_vaes()) {
    static const double best = [] {
      double most = 0;
      for (int run = 0; run < 7; ++run) most = std::max(most, time_rounds(1 << 20));
      return most;
    }();
    return best;
  }
#endif
  return 0;
}

void masks(benchmark::State& state) {
  const auto& variant = mask::variants()[std::size_t(state.range(0))];
  state.SetLabel(std::string(variant.name));
  if (!variant.runs_here()) {
    state.SkipWithError("skipped: this processor has no such instructions");
    return;
  }
  mask::Case input(state.range(1), state.range(2));
  const auto problem = input.problem();
  for (auto _ : state) {
    variant.run(problem);
    benchmark::ClobberMemory();
  }
  const auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  constexpr double rounds = 10, block_bytes = 16;
  const double aes = rounds * problem.masked_bytes() / block_bytes;
  state.counters["bytes"] = problem.bytes();
  state.counters["mask B/s"] = rate(problem.masked_bytes());
  state.counters["AES rounds/s"] = rate(aes);
  if (const double ceiling = aes_rounds(); ceiling > 0)
    state.counters["of_aes"] = rate(aes / ceiling);
}

// AES byte by byte, the last one, is a reference only.
const auto registered = [] {
  const auto variants = std::int64_t(mask::variants().size()) - 1;
  for (std::int64_t variant = 0; variant < variants; ++variant)
    for (const std::int64_t words : {256, 560 * 64})
      benchmark::RegisterBenchmark("mask", masks)
          ->Args({variant, 143, words})
          ->Unit(benchmark::kMicrosecond);
  return variants;
}();

}  // namespace
}  // namespace fedfuse::bench
