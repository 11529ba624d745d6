#pragma once
// What this machine gives, measured in the same process as the kernels: an absolute time means
// little on a shared machine; its ratio to a ceiling is meaningful.
#include <string_view>
#include <vector>

#include "support/caches.hpp"
#include "support/vector_loops.hpp"

namespace fedfuse::bench {

struct FmaCeiling {
  std::string_view name;
  int bits = 0;      // of a vector
  double flops = 0;  // FLOP/s of multiply-adds in registers, float, one core
};
struct CacheCeiling {
  Cache cache;
  double read_bytes = 0;  // B/s read by the widest vectors, one core, from data that it holds
};

// By the CPU time of a thread that runs alone.
struct Ceilings {
  std::vector<FmaCeiling> fma;       // of each width that this machine has, the narrowest first
  double gemm_flops = 0;             // FLOP/s of Eigen's 512 x 512 x 512 float product
  double copy_bytes = 0;             // copy_bytes(1)
  std::vector<CacheCeiling> caches;  // the nearest first

  // Of the widest vectors.
  [[nodiscard]] double flops() const { return fma.back().flops; }
};

// Measured at the first call: best of several, about half a second.
[[nodiscard]] const Ceilings& ceilings();
// B/s read plus written by a copy far larger than the caches, by so many threads together; measured
// at the first call for a number of threads. One thread: by its CPU time; more: by wall time.
[[nodiscard]] double copy_bytes(int threads);
// Cores that this process may use.
[[nodiscard]] int cores_allowed();

[[nodiscard]] double measure_flops(const VectorLoops& loops);
[[nodiscard]] double measure_gemm();
[[nodiscard]] double measure_copy(int threads, const std::vector<Cache>& caches);
// A cache that is hardly larger than the one before it is left out: it holds nothing alone.
[[nodiscard]] std::vector<CacheCeiling> measure_reads(const std::vector<Cache>& caches);

}  // namespace fedfuse::bench
