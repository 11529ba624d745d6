#pragma once
// What this machine can run of the kernels: variants and devices. Those that it cannot are named
// once, with the reason.
#include <algorithm>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config/device.hpp"
#include "core/gpu/device.hpp"

namespace fedfuse::test {

template <class Variant>
std::vector<Variant> runnable(std::span<const Variant> variants) {
  std::vector<Variant> here;
  for (const auto& v : variants) {
    if (const auto why = gpu::why_not(v.runs); why.empty())
      here.push_back(v);
    else
      std::cout << "variant " << v.name << " skipped: " << why << "\n";
  }
  return here;
}

// Of those the variants that are a device's kernels: emulated, and on the CUDA device where there
// is one.
template <class Variant>
std::vector<Variant> runnable_on_devices(std::span<const Variant> variants) {
  auto here = runnable(variants);
  std::erase_if(here, [](const auto& v) { return v.runs == gpu::Runs::everywhere; });
  return here;
}

inline bool cuda_is_here() {
  static const bool here = [] {
    const bool some = gpu::count_devices() > 0;
    if (!some) std::cout << "device cuda skipped: " << gpu::why_none() << "\n";
    return some;
  }();
  return here;
}

// A fresh emulated device, and the CUDA device where there is one.
inline std::vector<std::shared_ptr<gpu::Device>> fresh_devices() {
  std::vector<std::shared_ptr<gpu::Device>> devices{gpu::open_emulated_device()};
  if (cuda_is_here()) devices.push_back(gpu::open_cuda_device(0));
  return devices;
}

// The same as --device names them.
inline std::vector<DeviceKind> device_kinds() {
  return cuda_is_here() ? std::vector{DeviceKind::emulated, DeviceKind::cuda}
                        : std::vector{DeviceKind::emulated};
}

}  // namespace fedfuse::test
