#include "server/device/chunk_workspace.hpp"

#include <algorithm>
#include <numeric>

#include "core/parallel.hpp"
#include "server/device/listed_buffers.hpp"

namespace fedfuse {

ChunkWorkspace::ChunkWorkspace(const std::shared_ptr<gpu::Device>& device, const ChunkSizes& sizes)
    : stream(device, gpu::Use::overlap) {
  allocate_listed<ChunkBuffers>(*this, device, sizes);
  const gpu::Stream setup(device);
  scratch.fill_bytes(0, setup);  // products read whole tiles of rows, also those behind a batch
  std::vector<std::int32_t> counting(order.size());
  std::iota(counting.begin(), counting.end(), 0);
  order.copy_in(counting, setup);
  setup.synchronise();
}

void ChunkWorkspace::take(const Chunk& chunk, const std::vector<std::int32_t>& clients,
                          int threads) {
  chunk_ = &chunk;
  for_each_in_blocks(chunk.clients(), threads, [&](std::int64_t c) {
    local_host[std::size_t(c)] = clients[std::size_t(chunk.positions[std::size_t(c)])];
  });
  send(local, local_host);
  const auto begins = begin_host.first(chunk.begin.size());
  std::ranges::copy(chunk.begin, begins.begin());
  begin.copy_in(begins, stream);
}

aggregate::GpuUploads ChunkWorkspace::uploads(const UploadBuffers& kept, const ModelSpec& spec,
                                              std::int64_t items,
                                              const std::int32_t* table_of) const {
  return {.count = int(chunk_->clients()),
          .views = spec.views,
          .width = spec.view_width,
          .begin = begin.data(),
          .slots = kept.slots.data(),
          .items = kept.items.data(),
          .rows = items,
          .table = table_of};
}

UploadBuffers make_upload_buffers(const std::shared_ptr<gpu::Device>& device, const ModelSpec& spec,
                                  std::int64_t samples, std::int64_t clients) {
  UploadBuffers uploads;
  allocate_listed(uploads, device, spec, samples, clients);
  if (uploads.overlay.size() == 0) return uploads;
  const gpu::Stream stream(device);
  uploads.overlay.fill_bytes(0, stream);
  stream.synchronise();
  return uploads;
}

}  // namespace fedfuse
