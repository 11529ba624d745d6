#pragma once
// The variants of a kernel that this machine can run; those that it cannot are named once, with the reason.
#include <iostream>
#include <memory>
#include <span>
#include <vector>

#include "core/gpu/device.hpp"

namespace fedfuse::test {

template <class Variant>
std::vector<Variant> runnable(std::span<const Variant> variants) {
  std::vector<Variant> here;
  for (const auto& v : variants) {
    if (gpu::runs_here(v.runs))
      here.push_back(v);
    else
      std::cout << "variant " << v.name << " skipped: " << gpu::why_none() << "\n";
  }
  return here;
}

// A fresh emulated device, and the CUDA device where there is one.
inline std::vector<std::shared_ptr<gpu::Device>> fresh_devices() {
  std::vector<std::shared_ptr<gpu::Device>> devices{gpu::open_emulated_device()};
  if (gpu::count_devices() > 0) devices.push_back(gpu::open_cuda_device(0));
  return devices;
}

}  // namespace fedfuse::test
