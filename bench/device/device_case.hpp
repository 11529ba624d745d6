#pragma once
// A kernel's problem that lies in a device's memory, ready to be launched again and again: what
// bench_kernels times and bench_profile shows to a profiler.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/gpu/device.hpp"

namespace fedfuse::bench {

struct DeviceCase {
  double flops = 0, bytes = 0;                     // of one launch, by the problem's own formulas
  double count = 0;                                // of what a launch does: clients, items, updates
  std::function<void(const gpu::Stream&)> launch;  // asynchronous
};

struct DeviceCaseRow {
  // kernel/variant/size
  std::string_view name;
  // what `count` counts
  std::string_view counts;
  // small: for the emulated device
  std::function<DeviceCase(const std::shared_ptr<gpu::Device>&, bool small)> make;
};
[[nodiscard]] std::span<const DeviceCaseRow> device_cases();

// The device of this process: CUDA's, or with FEDFUSE_BENCH_EMULATED set the emulated one (small
// problems, for proof of the benchmark itself); null without either.
[[nodiscard]] std::shared_ptr<gpu::Device> bench_device();

}  // namespace fedfuse::bench
