#pragma once
// What clients train on: the processor, a CUDA device of the node, or the emulated one.
#include <cstdint>
#include <memory>
#include <string>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"

namespace fedfuse {

// config.device.kind with `auto` resolved: cuda where every rank sees a device and the kernels can
// hold d, else cpu. Collective; InputError when cuda is asked for and a rank has none.
[[nodiscard]] DeviceKind resolve_device(const Config& config, const Comm& comm);

struct ChosenDevice {
  std::shared_ptr<gpu::Device> device;
  std::int64_t ranks = 1;       // that use it
  std::int64_t world = 1;       // all ranks of the run
  std::int64_t free_bytes = 0;  // before any of them took some
};
// kind: cuda (rank k of a node takes device k mod those it sees; a shared one is said on stderr) or
// emulated. Collective; InputError.
[[nodiscard]] ChosenDevice open_device(DeviceKind kind, const Comm& comm, int threads);

}  // namespace fedfuse
