#include "support/vector_loops.hpp"

#include <algorithm>
#include <ranges>

namespace fedfuse::bench {

const VectorLoops& widest_loops() {
  const auto backwards = vector_loops() | std::views::reverse;
  return *std::ranges::find_if(backwards,
                               [](const VectorLoops& loops) { return loops.runs_here(); });
}

}  // namespace fedfuse::bench

#if !defined(__x86_64__) && !defined(__aarch64__)
// Another architecture: in C++, so that it builds; its compiler may rewrite these.
namespace fedfuse::bench {
namespace {

using Float4 = float __attribute__((vector_size(16), aligned(4), may_alias));

void multiply_adds(std::int64_t steps, float x, float y, float* out) {
  auto* const chains = reinterpret_cast<Float4*>(out);
  Float4 a[fma_chains];
  for (auto& chain : a) chain = Float4{y, y, y, y};
  for (std::int64_t step = 0; step < steps; ++step)
    for (auto& chain : a) chain = chain * x + y;
  std::ranges::copy(a, chains);
}

void reads(const float* from, std::size_t bytes, std::int64_t passes) {
  const auto* const end =
      reinterpret_cast<const Float4*>(reinterpret_cast<const char*>(from) + bytes);
  Float4 sum[read_loads] = {};
  for (std::int64_t pass = 0; pass < passes; ++pass)
    for (const auto* at = reinterpret_cast<const Float4*>(from); at != end; at += read_loads)
      for (int k = 0; k < read_loads; ++k) sum[k] += at[k];
  volatile float sink = sum[0][0];
  (void)sink;
}

}  // namespace

std::span<const VectorLoops> vector_loops() {
  static constexpr VectorLoops table[] = {{.name = "128",
                                           .bits = 128,
                                           .fused = false,
                                           .fma = multiply_adds,
                                           .read = reads,
                                           .runs_here = [] { return true; },
                                           .fma_symbol = "",
                                           .read_symbol = ""}};
  return table;
}

}  // namespace fedfuse::bench
#endif
