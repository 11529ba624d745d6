#include "core/gpu/device.hpp"

#include <algorithm>

#include "core/gpu/blas.hpp"
#include "core/text.hpp"

namespace fedfuse::gpu {

void* Device::allocate(std::size_t bytes) {
  const auto free = free_bytes();
  if (bytes > free)
    throw InputError(cat("the device ", info_.name, " has too little memory"),
                     cat("a buffer of ", bytes, " bytes is needed, ", free, " of ",
                         info_.total_bytes, " are free, ", held_, " are held by this process"),
                     "use more ranks on more devices, a smaller --fraction, or --device cpu");
  void* memory = allocate_raw(bytes);
  held_ += bytes;
  high_water_ = std::max(high_water_, held_);
  return memory;
}

void Device::release(void* memory, std::size_t bytes) noexcept {
  held_ -= bytes;
  release_raw(memory);
}

std::string why_not(Runs runs) {
  if (runs != Runs::on_device && runs != Runs::on_device_with_blas) return "";
  if (count_devices() == 0) return why_none();
  return runs == Runs::on_device_with_blas ? why_no_blas() : "";
}

#ifndef FEDFUSE_HAVE_CUDA
int count_devices() { return 0; }
std::string why_none() { return "built without CUDA"; }
std::shared_ptr<Device> open_cuda_device(int) {
  throw InputError("there is no CUDA device to open", why_none(),
                   "use --device cpu, or build where nvcc is found");
}
#endif

}  // namespace fedfuse::gpu
