#include "kernels/sample/sample.hpp"

#include <algorithm>
#include <array>

#include "kernels/sample/variants.hpp"

namespace fedfuse::sample {
namespace {
constexpr std::array<Variant, 3> table{{
    {"cpu", "vectors of candidates, ranks by comparing all pairs or by a radix sort", draw_cpu,
     gpu::Runs::everywhere},
    {"cuda", "one thread block a client, a sorting network in shared memory", draw_cuda,
     gpu::Runs::on_device},
    {"emulated", "the cuda variant's source, thread by thread on the CPU: for proof, not for speed",
     draw_emulated, gpu::Runs::for_proof},
}};
}  // namespace

std::span<const Variant> variants() { return table; }

void place_steps(const Rules& rules, std::int64_t n, std::vector<std::int32_t>& begin) {
  begin.assign(1, 0);
  for (std::int64_t epoch = 0; epoch < rules.epochs; ++epoch)
    for (std::int64_t at = 0; at < n; at += rules.batch)
      begin.push_back(std::int32_t(epoch * n + std::min(n, at + rules.batch)));
}

}  // namespace fedfuse::sample
