#pragma once
#include <memory>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "server/engine.hpp"

namespace fedfuse {

// Collective. As config.device.kind says: cpu, cuda or emulated (auto was resolved:
// device/choose.hpp). What it is given must outlive it.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const Config& config, const ModelSpec& spec,
                                                  const Dataset& data, const Comm& comm,
                                                  int threads, const Kernels& kernels);

}  // namespace fedfuse
