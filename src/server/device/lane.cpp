#include "server/device/lane.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/parallel.hpp"

namespace fedfuse {

DeviceUploads::DeviceUploads(const std::shared_ptr<gpu::Device>& device, const ModelSpec& spec,
                             std::int64_t room, std::int64_t clients)
    : items(device, std::size_t(room)),
      slots(device, std::size_t(clients)),
      rows(device, std::size_t(room * spec.views * spec.view_width)),
      overlay(device, std::size_t(spec.has_overlay() ? room * spec.overlay_width() : 0)) {
  if (overlay.size() == 0) return;
  const gpu::Stream stream(device);
  // the whole room goes to the host, of which training writes the client's slots
  overlay.fill_bytes(0, stream);
  stream.synchronise();
}

Lane::Lane(const std::shared_ptr<gpu::Device>& device, const Config& config, const ModelSpec& spec,
           const Dataset& data, const MemoryPlan& plan, std::int64_t scratch_floats)
    : stream(device) {
  const auto n = std::size_t(plan.limits.clients), room = std::size_t(plan.limits.room),
             updates = std::size_t(spec.views) * room;
  const auto on_device = [&]<class T>(std::size_t size,
                                      std::initializer_list<gpu::Buffer<T>*> buffers) {
    for (auto* buffer : buffers) *buffer = gpu::Buffer<T>(device, size);
  };
  const auto on_host = [&]<class T>(std::size_t size,
                                    std::initializer_list<gpu::Pinned<T>*> arrays) {
    for (auto* array : arrays) *array = gpu::Pinned<T>(device, size);
  };
  const auto resident = plan.state_resident ? n : 0, crossing = n - resident;
  on_device(n, {&order, &local, &group, &table, &samples, &finite, &misfit});
  on_device(resident, {&row, &next_row});
  on_device(n, {&weight});
  on_device(n + 1, {&begin});
  on_device(n, {&scale});
  on_device(3 * n, {&outcome});
  const auto head = n * std::size_t(spec.head.theta),
             user_size = crossing * std::size_t(spec.head.user),
             router_size = crossing * std::size_t(spec.router.size);
  const bool heads_cross = !spec.shares_head && !plan.state_resident,
             heads_sent = spec.shares_head || spec.has_teacher || heads_cross;
  on_device(heads_cross ? head : 0, {&theta});
  on_device(heads_sent ? head : 0, {&theta_out});
  on_device(user_size, {&user, &user_out});
  on_device(router_size, {&router, &router_out});
  on_device(3 * n, {&omega});
  on_device(n, {&rho});
  on_device(room, {&drawn});
  on_device(room * std::size_t(config.federation.local_epochs), {&entries});
  on_device(updates, {&ids, &owner});
  const auto tables = std::max<std::int64_t>(spec.views, spec.most_groups);
  on_device(std::size_t(aggregate::sort_scratch(data.items * tables, std::int64_t(updates))),
            {&sort});
  on_device(std::size_t(scratch_floats), {&scratch});
  scratch.fill_bytes(0, stream);  // products read whole tiles of rows, also those behind a batch

  on_host(n, {&local_host, &group_host, &table_host, &samples_host, &slots_host, &finite_host,
              &misfit_host});
  on_host(n, {&weight_host});
  on_host(3 * n, {&outcome_host});
  on_host(n, {&scale_host});
  on_host(resident, {&row_host, &next_row_host});
  on_host(heads_cross || spec.has_teacher ? head : 0, {&theta_host});
  on_host(user_size, {&user_host});
  on_host(router_size, {&router_host});
  on_host(3 * n, {&omega_host});
  on_host(spec.has_overlay() ? room : 0, {&items_host});
  on_host(spec.has_overlay() ? room * std::size_t(spec.overlay_width()) : 0, {&overlay_host});

  std::vector<std::int32_t> counting(n);
  std::iota(counting.begin(), counting.end(), 0);
  order.copy_in(counting, stream);
  stream.synchronise();
}

void Lane::take(const Chunk& chunk, const std::vector<std::int32_t>& clients, int threads) {
  chunk_ = &chunk;
  for_each_in_blocks(chunk.clients(), threads, [&](std::int64_t c) {
    local_host[std::size_t(c)] = clients[std::size_t(chunk.positions[std::size_t(c)])];
  });
  send(local, local_host);
  begin.copy_in(chunk.begin, stream);
}

aggregate::GpuUploads Lane::uploads(const DeviceUploads& kept, const ModelSpec& spec,
                                    std::int64_t items, const std::int32_t* table_of) const {
  return {int(chunk_->clients()), spec.views,        spec.view_width, begin.data(),
          kept.slots.data(),      kept.items.data(), items,           table_of};
}

}  // namespace fedfuse
