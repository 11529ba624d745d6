// Google Benchmark's main, with the program and the ceilings of this process in the header, and so
// in --benchmark_format=json.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "results/provenance.hpp"
#include "support/ceilings.hpp"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const auto& top = fedfuse::bench::ceilings();
  const auto show = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return std::string(text);
  };
  benchmark::AddCustomContext("fedfuse_version", fedfuse::version_text());
  benchmark::AddCustomContext("fedfuse_program", fedfuse::program_hash());
  benchmark::AddCustomContext("ceiling_fma_bits", std::to_string(top.fma.back().bits));
  benchmark::AddCustomContext("ceiling_fma_flop_per_s", show(top.flops()));
  for (const auto& width : top.fma)
    benchmark::AddCustomContext("ceiling_fma_" + std::string(width.name) + "_flop_per_s",
                                show(width.flops));
  benchmark::AddCustomContext("ceiling_eigen_gemm_flop_per_s", show(top.gemm_flops));
  benchmark::AddCustomContext("ceiling_copy_bytes_per_s", show(top.copy_bytes));
  for (const auto& [cache, read_bytes] : top.caches)
    benchmark::AddCustomContext("ceiling_l" + std::to_string(cache.level) + "_read_bytes_per_s",
                                show(read_bytes));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
