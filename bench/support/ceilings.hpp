#pragma once
// What this machine gives one thread, measured in the same process as the kernels: an absolute time
// means little on a shared machine; its ratio to a ceiling is meaningful.
namespace fedfuse::bench {

struct Ceilings {
  double flops = 0;       // FLOP/s of fused multiply-adds in registers, float, one thread
  double gemm_flops = 0;  // FLOP/s of Eigen's 512 x 512 x 512 float product, one thread
  double copy_bytes = 0;  // B/s read plus written by a copy far larger than the caches, one thread
};

// measured at the first call: best of several, about half a second
[[nodiscard]] const Ceilings& ceilings();
[[nodiscard]] double measure_flops();
[[nodiscard]] double measure_gemm();
[[nodiscard]] double measure_copy();

}  // namespace fedfuse::bench
