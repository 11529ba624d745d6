// Masks of a client on its words: 143 masks (142 partners and its own) on a window, and on a table
// of 560 x 64. Each variant beside the others; the ceiling is AES rounds in registers.
#include <benchmark/benchmark.h>

#include <string>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "core/timer.hpp"
#include "kernels/mask/mask_case.hpp"
#include "support/report.hpp"

namespace fedfuse::bench {
namespace {

#ifdef __x86_64__
// Twelve chains hide the latency; a round is one instruction on four blocks.
__attribute__((target("vaes,avx512f"))) double time_rounds(std::int64_t steps) {
  constexpr int chains = 12;
  __m512i state[chains];
  for (int c = 0; c < chains; ++c) state[c] = _mm512_set1_epi32(c);
  const __m512i key = _mm512_set1_epi32(0x1234567);
  const double start = thread_cpu_seconds();
  for (std::int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) state[c] = _mm512_aesenc_epi128(state[c], key);
  }
  const double seconds = thread_cpu_seconds() - start;
  __m512i sum = state[0];
  for (int c = 1; c < chains; ++c) sum = _mm512_xor_si512(sum, state[c]);
  volatile std::int64_t sink = _mm512_reduce_add_epi64(sum);
  (void)sink;
  return 4.0 * chains * double(steps) / seconds;
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
