#pragma once
// What clients are trained on.
#include <optional>

#include "core/choice.hpp"

namespace fedfuse {

// emulated: the CUDA kernels on the CPU.
enum class DeviceKind { cpu, cuda, emulated };
template <>
inline constexpr auto choice_names<DeviceKind> =
    std::array{Named{DeviceKind::cpu, "cpu"}, Named{DeviceKind::cuda, "cuda"},
               Named{DeviceKind::emulated, "emulated"}};

struct DeviceOptions {
  std::optional<DeviceKind> kind = DeviceKind::cpu;  // empty: cuda where every rank has it
  bool operator==(const DeviceOptions&) const = default;
};

}  // namespace fedfuse
