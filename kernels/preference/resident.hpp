#pragma once
// Preferences round after round: the features stay on the device in half precision, the weights
// come with every call.
#include <memory>

#include "core/gpu/device.hpp"
#include "kernels/preference/preference_gpu.hpp"

namespace fedfuse::preference {

class Resident {
 public:
  // features: items, widths, masks and features in host memory; groups: the most that a call may
  // have; its weights are not read. InputError: not served.
  Resident(const std::shared_ptr<gpu::Device>& device, const Problem& features);
  // serves_fused, and no feature that counts is beyond half precision.
  [[nodiscard]] static bool serves(const Problem& features);
  [[nodiscard]] static std::size_t bytes(const Problem& features);

  // What preference::run does, with this object's features: everything else of the problem is in
  // host memory. Waits.
  void run(const Problem& problem, const gpu::Stream& stream);

 private:
  Problem features_;
  gpu::Buffer<Half> text_, image_, units_;
  gpu::Buffer<std::uint8_t> has_text_, has_image_;
  gpu::Buffer<float> weights_, scratch_, pref_;
};

}  // namespace fedfuse::preference
