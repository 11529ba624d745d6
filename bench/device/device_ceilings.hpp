#pragma once
// What a device gives, measured in the same process as the kernels: ratios to it say something on
// any chip.
#include <memory>
#include <string>

#include "core/gpu/device.hpp"

namespace fedfuse::bench {

struct DeviceCeilings {
  double copy_bytes = 0;    // B/s read plus written by a copy of 1 GiB inside the device
  double gather_bytes = 0;  // the same of rows of 256 bytes in random order (random_gather.hpp)
  // FLOP/s of fused multiply-adds in registers, float: the peak that the units sustain
  double fma_flops = 0;
  double sgemm_flops = 0;   // FLOP/s of cuBLAS' product of 8192 x 8192 floats, no tensor cores
  double tensor_flops = 0;  // FLOP/s of the same in half precision with float sums
  std::string no_blas;      // why the last two are 0
};
// All 0 without CUDA or on the emulated device. Each the best of several.
[[nodiscard]] DeviceCeilings measure_device(const std::shared_ptr<gpu::Device>& device);

}  // namespace fedfuse::bench
