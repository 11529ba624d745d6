// The passes after the first, on a device: what the clients uploaded is read again.
#include <bit>

#include "core/parallel.hpp"
#include "server/device/device_engine.hpp"

namespace fedfuse {

Misfit DeviceEngine::add_to_groups(const std::vector<std::int32_t>& local,
                                   const RoundInputs& inputs, std::span<const std::int32_t> group,
                                   const Trained& trained, GroupSums& groups) {
  MisfitClients misfits;
  buffers_.group_sums.fill_bytes(0, stream_);
  stream_.synchronise();
  add_numbers(group, trained, groups, local, misfits);
  over_chunks(
      inputs.stop,
      [&](ChunkWorkspace& work, std::size_t k) {
        add_rows(work, upload_again(work, k, local, inputs), group, groups);
      },
      [&](ChunkWorkspace& work) {
        work.stream.synchronise();
        for (std::size_t c = 0; c < work.clients(); ++c) {
          if (work.misfit_host[c] == 0) continue;
          Excess excess(groups.ranges());
          excess.look(GroupSums::kind_of_rows(spec_), std::bit_cast<float>(work.misfit_host[c]));
          misfits.offer(data_.client_ids[std::size_t(work.client(c))], excess);
        }
        work.release();
      });
  folded_ = plan_.stores_uploads;
  return misfits.found();
}

void DeviceEngine::add_numbers(std::span<const std::int32_t> group, const Trained& trained,
                               GroupSums& groups, const std::vector<std::int32_t>& local,
                               MisfitClients& misfits) {
  for_each_block(std::int64_t(group.size()), threads(), [&](std::int64_t first, std::int64_t end) {
    GroupSums::Numbers numbers(groups);
    for (auto p = first; p < end; ++p) {
      const auto l = group[std::size_t(p)];
      const std::span<const float> theta(trained.theta.row(p), std::size_t(spec_.head.theta));
      const auto& omega = trained.omega[std::size_t(p)];
      const double rho = rho_[std::size_t(p)];
      if (l < 0 || numbers.add(l, float(rho), theta, omega.data())) continue;
      Excess excess(groups.ranges());
      GroupSums::look(spec_, rho, theta, omega, excess);
      misfits.offer(data_.client_ids[std::size_t(local[std::size_t(p)])], excess);
    }
    groups.add(numbers);
  });
}

void DeviceEngine::keep_rows(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                             const KeepRows& keep) {
  over_chunks(
      inputs.stop,
      [&](ChunkWorkspace& work, std::size_t k) {
        fetch_overlay(work, upload_again(work, k, local, inputs));
      },
      [&](ChunkWorkspace& work) { keep_rows_of(work, keep); });
}

UploadBuffers& DeviceEngine::upload_again(ChunkWorkspace& work, std::size_t chunk,
                                          const std::vector<std::int32_t>& local,
                                          const RoundInputs& inputs) {
  auto& uploads = uploads_of(work, chunk);
  if (plan_.stores_uploads)
    work.take(chunks_[chunk], local, threads());
  else
    begin(work, chunks_[chunk], uploads, local, inputs);
  return uploads;
}

void DeviceEngine::fetch_overlay(ChunkWorkspace& work, const UploadBuffers& uploads) {
  const auto samples = std::size_t(work.chunk()->samples());
  uploads.items.copy_out(work.items_host.first(samples), work.stream);
  work.fetch(uploads.slots, work.slots_host);
  uploads.overlay.copy_out(work.overlay_host.first(samples * std::size_t(spec_.overlay_width())),
                           work.stream);
}

// What stays on the clients of a chunk, one after the other.
void DeviceEngine::keep_rows_of(ChunkWorkspace& work, const KeepRows& keep) {
  work.stream.synchronise();
  const auto& chunk = *work.chunk();
  for (std::size_t c = 0; c < work.clients(); ++c) {
    const auto first = std::size_t(chunk.begin[c]), slots = std::size_t(work.slots_host[c]);
    const float* rows = &work.overlay_host[first * std::size_t(spec_.overlay_width())];
    keep(work.client(c), {{&work.items_host[first], slots},
                          nullptr,
                          rows,
                          float(rho_[std::size_t(chunk.positions[c])])});
  }
  work.release();
}

std::int64_t DeviceEngine::stored_bytes() const {
  if (!plan_.stores_uploads || !spec_.has_second_pass()) return 0;
  std::size_t numbers = 0;
  for (const auto& uploads : uploads_)
    numbers +=
        uploads.items.size() + uploads.slots.size() + uploads.rows.size() + uploads.overlay.size();
  return std::int64_t(sizeof(float) * numbers);
}

void DeviceEngine::add_rows(ChunkWorkspace& work, UploadBuffers& uploads,
                            std::span<const std::int32_t> group, const GroupSums& groups) {
  const bool folds = !spec_.rows_trained && !folded_;
  for (std::size_t c = 0; c < work.clients(); ++c) {
    if (folds) work.rate_host[c] = virtual_rate_[std::size_t(work.chunk()->positions[c])];
    const auto l = group[std::size_t(work.chunk()->positions[c])];
    work.weight_host[c] = 1;
    work.table_host[c] = l;
    work.scale_host[c] = l < 0 ? 1.0 : groups.fixed(std::size_t(l)).scale;
  }
  work.send(work.weight, work.weight_host);
  work.send(work.table, work.table_host);
  work.send(work.scale, work.scale_host);
  if (folds) work.send(work.rate, work.rate_host);
  work.misfit.fill_bytes(0, work.stream);
  auto u = updates(work, uploads, groups.groups(), buffers_.group_sums);
  u.scale_of = work.scale.data();
  u.limit = float(groups.ranges().limit(GroupSums::kind_of_rows(spec_)));
  const auto addressed = work.uploads(uploads, spec_, data_.items, work.table.data());
  gpu::on_platform(*device_, [&]<class P>(P) {
    if (folds)
      aggregate::fold_views<P>(addressed, work.rate.data(), uploads.rows.data(), work.stream);
    aggregate::address_updates<P>(addressed, work.ids.data(), work.owner.data(), work.stream);
    aggregate::add_updates<P>(aggregate::GpuMethod::sorted, u, work.sort.data(), work.stream);
  });
  work.fetch(work.misfit, work.misfit_host);
}

}  // namespace fedfuse
