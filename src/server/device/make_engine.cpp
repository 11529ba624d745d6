#include "server/device/make_engine.hpp"

#include "server/device/device_engine.hpp"

namespace fedfuse {

std::unique_ptr<Engine> make_engine(const Config& config, const ModelSpec& spec,
                                    const Dataset& data, const Comm& comm, int threads,
                                    const Kernels& kernels) {
  const auto kind = resolve_device(config, comm);
  if (kind == DeviceKind::cpu) return make_cpu_engine(config, spec, data, threads, kernels);
  auto chosen = open_device(kind, comm, threads);
  auto reducer = gpu::choose_reducer(chosen.device, comm.max(chosen.ranks), comm);
  std::unique_ptr<Engine> engine;
  comm.together([&] {
    engine = std::make_unique<DeviceEngine>(config, spec, data, std::move(chosen), threads,
                                            ChunkLimits{}, std::move(reducer));
  });
  return engine;
}

}  // namespace fedfuse
