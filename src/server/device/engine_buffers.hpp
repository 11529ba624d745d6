#pragma once
// What the engine of a device holds for the whole run: the rank's interactions, the round's views,
// head, preferences and prior, and the sums of both passes.
#include <cstdint>
#include <vector>

#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

struct EngineBuffers {
  // of the data: ids, held-out items and offsets of the rank's clients, their interactions
  gpu::Buffer<std::int32_t> ids, train, valid, test;
  gpu::Buffer<std::int64_t> offsets;
  gpu::Buffer<std::int32_t> listed;       // the pool of negatives, where it is not all items
  std::vector<gpu::Buffer<float>> views;  // J times M x width
  gpu::Buffer<float> theta, preferences;  // head; groups x M
  gpu::Buffer<float> prior;               // logits: M x groups of the prior
  // R7: J times M x width; head; groups times M x width
  gpu::Buffer<std::int64_t> sums, theta_sums, group_sums;
  gpu::Buffer<std::int64_t> row_weight;  // M, with --item-update counts

  template <class Each>
  void list(const Config& config, const ModelSpec& spec, const Dataset& data, Each&& each) {
    const auto clients = data.local_clients(), cells = data.items * spec.view_width;
    each(ids, clients);
    each(train, std::int64_t(data.train.size()));
    each(valid, clients);
    each(test, clients);
    each(offsets, clients + 1);
    each(listed, config.federation.negatives == Negatives::trained_items ? data.items : 0);
    views.resize(std::size_t(spec.views));
    for (auto& view : views) each(view, cells);
    each(theta, spec.head.theta);
    each(preferences, spec.most_groups * data.items);
    each(prior, spec.prior_groups * data.items);
    each(sums, spec.views * cells);
    each(row_weight, spec.counts_rows ? data.items : 0);
    each(theta_sums, spec.shares_head ? spec.head.theta : 0);
    each(group_sums, spec.most_groups * cells);
  }
};

}  // namespace fedfuse
