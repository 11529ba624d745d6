// Google Benchmark's main, with the program and the ceilings of this process in the header, and so
// in --benchmark_format=json.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "core/denormals.hpp"
#include "core/error.hpp"
#include "core/isa.hpp"
#include "results/provenance.hpp"
#include "support/ceilings.hpp"

namespace {

// Takes --isa from the words: in a portable build front.cpp obeyed it, and a native one can only
// be what it is. InputError for another target.
void take_isa_from(int& argc, char** argv) {
  using namespace fedfuse;
  (void)choose_isa(targets_of_this_build(), take_isa({argv, argv + argc}).asked,
                   level_of_this_machine(), "");
  int kept = 0;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--isa")
      ++i;
    else if (!word.starts_with("--isa="))
      argv[kept++] = argv[i];
  }
  argc = kept;
}

}  // namespace

int main(int argc, char** argv) {
  fedfuse::flush_denormals();  // as the program
  try {
    take_isa_from(argc, argv);
  } catch (const fedfuse::InputError& e) {
    std::fprintf(stderr, "bench_kernels: error: %s\n", e.what());
    return 2;
  }
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
  benchmark::AddCustomContext("fedfuse_target", fedfuse::own_target());
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
