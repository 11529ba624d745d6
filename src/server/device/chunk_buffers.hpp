#pragma once
// The buffers of one chunk of clients at work on a device, and of what the second pass reads of it.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "core/gpu/device.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "model/spec.hpp"
#include "server/device/chunks.hpp"

namespace fedfuse {

// What the second pass reads of a chunk. Rows: views x samples x width; overlay: samples x width.
struct UploadBuffers {
  gpu::Buffer<std::int32_t> items, slots;
  gpu::Buffer<float> rows, overlay;

  template <class Each>
  void list(const ModelSpec& spec, std::int64_t samples, std::int64_t clients, Each&& each) {
    each(items, samples);
    each(slots, clients);
    each(rows, samples * spec.views * spec.view_width);
    each(overlay, spec.has_overlay() ? samples * spec.overlay_width() : 0);
  }
};

// What decides how large the buffers of a chunk are.
struct ChunkSizes {
  const ModelSpec& spec;
  ChunkLimits limits;
  bool state_resident = true;
  std::int64_t items = 0, local_epochs = 1;
  std::int64_t scratch_floats = 0;  // of the launch that needs most (local_train's plans)
};

struct ChunkBuffers {
  static constexpr std::int64_t misfits_a_client = 2;  // of rows, of a shared head
  // of each client; in
  // row, next_row: of the resident state
  gpu::Buffer<std::int32_t> order, local, row, next_row, group, table;
  gpu::Buffer<std::int64_t> begin, weight, head_weight;  // weight: of rows
  gpu::Buffer<double> scale;
  gpu::Buffer<float> rate;                 // of the second pass over views
  gpu::Buffer<float> theta, user, router;  // of state that crosses
  // ... out
  gpu::Buffer<std::int32_t> samples, finite, misfit;
  gpu::Buffer<double> outcome;
  gpu::Buffer<float> theta_out, user_out, router_out, omega, rho;
  // at work
  gpu::Buffer<std::int32_t> drawn, entries, ids, owner, sort;
  gpu::Buffer<float> scratch;
  // of the group prior: shares of each client, offsets or labels of each slot
  gpu::Buffer<float> shares, prior;
  // the host's side
  gpu::Pinned<std::int32_t> local_host, row_host, next_row_host, group_host, table_host,
      samples_host, slots_host, finite_host, misfit_host, items_host;
  gpu::Pinned<std::int64_t> begin_host, weight_host, head_weight_host;
  gpu::Pinned<double> outcome_host, scale_host;
  gpu::Pinned<float> rate_host;
  gpu::Pinned<float> theta_host, user_host, router_host, omega_host, overlay_host;
  gpu::Pinned<float> shares_host;

  template <class Each>
  void list(const ChunkSizes& sizes, Each&& each) {
    list_clients(sizes, each);
    list_parameters(sizes, each);
    list_samples(sizes, each);
  }

 private:
  template <class Each>
  void list_clients(const ChunkSizes& sizes, Each& each) {
    const auto n = sizes.limits.clients;
    for (auto* buffer : {&order, &local, &group, &table, &samples, &finite}) each(*buffer, n);
    each(misfit, misfits_a_client * n);
    for (auto* buffer : {&row, &next_row}) each(*buffer, sizes.state_resident ? n : 0);
    each(begin, n + 1);
    each(begin_host, n + 1);
    each(weight, n);
    each(head_weight, n);
    each(scale, n);
    each(outcome, 3 * n);
    each(omega, 3 * n);
    each(rho, n);
    for (auto* buffer :
         {&local_host, &group_host, &table_host, &samples_host, &slots_host, &finite_host})
      each(*buffer, n);
    each(misfit_host, misfits_a_client * n);
    for (auto* buffer : {&row_host, &next_row_host}) each(*buffer, sizes.state_resident ? n : 0);
    each(weight_host, n);
    each(head_weight_host, n);
    each(scale_host, n);
    each(outcome_host, 3 * n);
    each(omega_host, 3 * n);
  }

  // A resident state neither comes nor goes: only heads that the teacher groups are fetched, and a
  // shared head stays here as the client left it.
  template <class Each>
  void list_parameters(const ChunkSizes& sizes, Each& each) {
    const auto& spec = sizes.spec;
    const auto crossing = sizes.state_resident ? 0 : sizes.limits.clients,
               head = sizes.limits.clients * spec.head.theta;
    const bool heads_cross = !spec.shares_head && !sizes.state_resident;
    each(theta, heads_cross ? head : 0);
    each(theta_out, spec.shares_head || spec.has_teacher || heads_cross ? head : 0);
    each(theta_host, spec.has_teacher || heads_cross ? head : 0);
    each(user, crossing * spec.head.user);
    each(user_out, crossing * spec.head.user);
    each(user_host, crossing * spec.head.user);
    each(router, crossing * spec.router.size);
    each(router_out, crossing * spec.router.size);
    each(router_host, crossing * spec.router.size);
    each(shares, sizes.limits.clients * spec.prior_groups);
    each(shares_host, sizes.limits.clients * spec.prior_groups);
  }

  template <class Each>
  void list_samples(const ChunkSizes& sizes, Each& each) {
    const auto& spec = sizes.spec;
    const auto n = sizes.limits.samples, updates = spec.views * n;
    each(drawn, n);
    each(entries, n * sizes.local_epochs);
    each(ids, updates);
    each(owner, updates);
    // a group sums virtual updates of views
    const bool folds = spec.has_teacher && !spec.rows_trained;
    each(rate, folds ? sizes.limits.clients : 0);
    each(rate_host, folds ? sizes.limits.clients : 0);
    const auto tables = std::max<std::int64_t>(spec.views, spec.most_groups);
    each(sort, aggregate::sort_scratch(sizes.items * tables, updates));
    each(scratch, sizes.scratch_floats);
    each(prior, spec.has_prior() ? n : 0);
    each(items_host, spec.has_overlay() ? n : 0);
    each(overlay_host, spec.has_overlay() ? n * spec.overlay_width() : 0);
  }
};

}  // namespace fedfuse
