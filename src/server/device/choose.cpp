#include "server/device/choose.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "model/spec.hpp"

namespace fedfuse {
namespace {

bool trains_on_a_device(const Config& config) {
  const auto spec = resolve(config);
  return !changes_uploads(config) && config.privacy.probe_clients == 0 &&
         !is_buffered(config.participation) && local_train::width_on_device(config.model.dim) &&
         local_train::trains_on_device(spec.head.kind) && !spec.group_scores;
}

using Uuid = std::array<char, 48>;

// Ranks whose device has the same UUID, which no two devices of a cluster share.
std::int64_t ranks_with(const std::string& uuid, const Comm& comm) {
  Uuid mine{};
  std::copy_n(uuid.begin(), std::min(uuid.size(), mine.size()), mine.begin());
  return std::ranges::count(comm.all_gather(std::span<const Uuid>(&mine, 1)), mine);
}

}  // namespace

DeviceKind resolve_device(const Config& config, const Comm& comm) {
  if (config.device.kind && *config.device.kind != DeviceKind::cpu && resolve(config).group_scores)
    throw InputError("--teacher-solver closed on a device",
                     "scores of groups are summed on the host", "use --device cpu");
  if (config.device.kind && *config.device.kind != DeviceKind::cuda) return *config.device.kind;
  const auto seen = std::int64_t(gpu::count_devices());
  if (!config.device.kind)
    return comm.min(seen) > 0 && trains_on_a_device(config) ? DeviceKind::cuda : DeviceKind::cpu;
  comm.together([&] {
    if (seen == 0)
      throw InputError(cat("--device cuda cannot be had on rank ", comm.rank()), gpu::why_none(),
                       "use --device cpu, or start ranks only where a device is visible");
  });
  return DeviceKind::cuda;
}

ChosenDevice open_device(DeviceKind kind, const Comm& comm, int threads) {
  ChosenDevice chosen;
  chosen.world = comm.size();
  const auto free_now = [&chosen] {
    chosen.free_bytes = std::int64_t(chosen.device->free_bytes());
  };
  if (kind == DeviceKind::emulated) {
    chosen.device = gpu::open_emulated_device(threads);
    free_now();
    return chosen;
  }
  const int place = comm.rank_on_this_node();
  comm.together(
      [&] { chosen.device = gpu::open_cuda_device(place % std::max(1, gpu::count_devices())); });
  comm.barrier();  // every rank's context stands
  free_now();
  comm.barrier();
  chosen.ranks = ranks_with(chosen.device->info().uuid, comm);
  const auto most = comm.max(chosen.ranks);
  if (comm.root() && most > 1)
    std::fprintf(stderr,
                 "fedfuse: warning: %lld ranks share a device; one rank a device is faster\n",
                 static_cast<long long>(most));
  return chosen;
}

}  // namespace fedfuse
