#pragma once
// Loops in assembly, so that no compiler rewrites them: multiply-adds in registers, and reads. Each
// vector width has functions of its own, compiled for that width; a build for any target has them
// all, and the machine decides which of them run.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fedfuse::bench {

// Independent chains of multiply-adds: more than latency times pipes of any core so far (x86: 5 x
// 2; AArch64: 4 x 4, A64FX: 9 x 2).
#ifdef __aarch64__
inline constexpr int fma_chains = 24;
#else
inline constexpr int fma_chains = 12;
#endif
// Loads of a step of the reads.
inline constexpr int read_loads = 16;

struct VectorLoops {
  std::string_view name;  // of the counters
  int bits;               // of a vector
  bool fused;             // false: a multiplication and an addition, on processors without FMA
  // In every lane of every chain, from a = y on, `steps` >= 1 times: a = a x + y; on AArch64,
  // whose instruction adds to its target, a = a + x y.
  // out: fma_chains x bits / 32, the lanes of the chains.
  void (*fma)(std::int64_t steps, float x, float y, float* out);
  // Reads [from, from + bytes) `passes` >= 1 times. from: at a multiple of 64 bytes; bytes: a
  // multiple of step_bytes(), not 0.
  void (*read)(const float* from, std::size_t bytes, std::int64_t passes);
  bool (*runs_here)();
  // The symbols of the two functions; "" where they are not of assembly.
  const char *fma_symbol, *read_symbol;

  [[nodiscard]] int lanes() const { return bits / 32; }
  [[nodiscard]] double flops_a_step() const { return 2.0 * lanes() * fma_chains; }
  [[nodiscard]] std::size_t step_bytes() const { return std::size_t(read_loads) * bits / 8; }
};

// Of this architecture, the narrowest first.
[[nodiscard]] std::span<const VectorLoops> vector_loops();
// Of the widest vectors that this machine has.
[[nodiscard]] const VectorLoops& widest_loops();

}  // namespace fedfuse::bench
