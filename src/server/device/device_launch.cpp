// What the device engine puts on its device and launches there.
#include <algorithm>
#include <atomic>

#include "core/parallel.hpp"
#include "kernels/gather/gather.hpp"
#include "kernels/sample/sample_gpu.hpp"
#include "server/device/device_engine.hpp"

namespace fedfuse {

void DeviceEngine::place_data() {
  const auto put = [&]<class T>(gpu::Buffer<T>& buffer, const std::vector<T>& values) {
    buffer = gpu::to_device(stream_, std::span<const T>(values));
  };
  put(ids_, data_.client_ids);
  put(train_, data_.train);
  put(valid_, data_.valid);
  put(test_, data_.test);
  put(offsets_, data_.offsets);
  listed_ = gpu::to_device(stream_, sampler_.rules().listed);
  const auto cells = std::size_t(data_.items * spec_.view_width);
  for (int j = 0; j < spec_.views; ++j) views_.emplace_back(device_, cells);
  theta_ = gpu::Buffer<float>(device_, std::size_t(spec_.head.theta));
  sums_ = gpu::Buffer<std::int64_t>(device_, cells * std::size_t(spec_.views));
  theta_sums_ =
      gpu::Buffer<std::int64_t>(device_, std::size_t(spec_.shares_head ? spec_.head.theta : 0));
}

local_train::GpuPlan DeviceEngine::launch_plan(std::int64_t bound) const {
  const auto& info = device_->info();
  auto plan =
      local_train::gpu_plan(shape_, int(config_.federation.batch), bound, info.shared_per_block);
  if (plan.scratch_floats > 0) plan.blocks = blocks_a_multiprocessor * info.multiprocessors;
  return plan;
}

std::int64_t DeviceEngine::scratch_floats() const {
  std::int64_t most = 0;
  for (const auto& [bound, plan] : launches_)
    most = std::max(most, std::int64_t(plan.blocks) * plan.scratch_floats);
  return most;
}

void DeviceEngine::send_round(const RoundInputs& in) {
  for (std::size_t j = 0; j < views_.size(); ++j)
    views_[j].copy_in(in.global.views[j].span(), stream_);
  theta_.copy_in(in.global.theta, stream_);
  if (in.distillation.preferences != nullptr) {
    const auto& preferences = *in.distillation.preferences;
    if (preferences_.size() != preferences.size()) {
      preferences_ = {};
      preferences_ = gpu::Buffer<float>(device_, preferences.size());
    }
    preferences_.copy_in(preferences.span(), stream_);
  }
  sums_.fill_bytes(0, stream_);
  theta_sums_.fill_bytes(0, stream_);
  stream_.synchronise();
}

void DeviceEngine::begin(Lane& lane, const Chunk& chunk, DeviceUploads& uploads,
                         const std::vector<std::int32_t>& local, const RoundInputs& in) {
  lane.take(chunk, local, threads());
  send_state(lane, in);
  draw(lane, uploads, in.round);
  if (shape_.personal) send_personal(lane, uploads, in.state);
  launch_training(lane, uploads, in);
}

void DeviceEngine::send_state(Lane& lane, const RoundInputs& in) {
  const auto gather = [&](const Matrix<float>& from, const gpu::Pinned<float>& to, std::size_t c) {
    if (from.cols > 0)
      std::copy_n(from.row(lane.client(c)), from.cols, &to[c * std::size_t(from.cols)]);
  };
  for_each_in_blocks(std::int64_t(lane.clients()), threads(), [&](std::int64_t i) {
    const auto c = std::size_t(i);
    const auto u = lane.client(c);
    lane.group_host[c] = in.state.group[std::size_t(u)];
    if (state_) {
      lane.row_host[c] = state_->row(u);
      lane.next_row_host[c] = state_->next_row(u);
      return;
    }
    if (!spec_.shares_head) gather(in.state.theta, lane.theta_host, c);
    gather(in.state.user, lane.user_host, c);
    gather(in.state.router, lane.router_host, c);
  });
  lane.send(lane.group, lane.group_host);
  if (state_) {
    lane.send(lane.row, lane.row_host);
    lane.send(lane.next_row, lane.next_row_host);
    return;
  }
  if (!spec_.shares_head) lane.send(lane.theta, lane.theta_host, std::size_t(spec_.head.theta));
  lane.send(lane.user, lane.user_host, std::size_t(spec_.head.user));
  lane.send(lane.router, lane.router_host, std::size_t(spec_.router.size));
}

void DeviceEngine::draw(Lane& lane, DeviceUploads& uploads, std::int64_t round) {
  const auto& rules = sampler_.rules();
  const sample::GpuSampling s{int(lane.clients()),
                              lane.local.data(),
                              ids_.data(),
                              offsets_.data(),
                              train_.data(),
                              valid_.data(),
                              test_.data(),
                              rules.listed.empty() ? nullptr : listed_.data(),
                              std::uint32_t(rules.pool()),
                              std::uint32_t(round),
                              rules.spare_held_out,
                              int(rules.per_positive),
                              int(rules.epochs),
                              rules.negatives,
                              rules.shuffle,
                              lane.begin.data(),
                              lane.samples.data(),
                              uploads.slots.data(),
                              uploads.items.data(),
                              lane.drawn.data(),
                              lane.entries.data()};
  const auto plan = sample::gpu_sample_plan(lane.chunk()->bound, int(rules.epochs),
                                            device_->info().shared_per_block);
  gpu::on_platform(*device_, [&]<class P>(P) { sample::draw_clients<P>(plan, s, lane.stream); });
}

// FedRAP: its rows live on the host; which of them a client needs is known once it has drawn.
void DeviceEngine::send_personal(Lane& lane, DeviceUploads& uploads, const ClientState& state) {
  const auto& chunk = *lane.chunk();
  const auto room = std::size_t(chunk.room()), width = std::size_t(spec_.overlay_width());
  uploads.items.copy_out(lane.items_host.first(room), lane.stream);
  lane.fetch(uploads.slots, lane.slots_host);
  lane.stream.synchronise();
  parallel_for(chunk.clients(), threads(), [&](std::int64_t i, int) {
    const auto c = std::size_t(i), first = std::size_t(chunk.begin[c]);
    if (lane.slots_host[c] == 0) return;
    gather_personal(state, lane.client(c),
                    {&lane.items_host[first], std::size_t(lane.slots_host[c])},
                    &lane.overlay_host[first * width]);
  });
  uploads.overlay.copy_in(lane.overlay_host.first(room * width), lane.stream);
}

// Where parameters are read and left: in the resident state, or in what the chunk brought.
void DeviceEngine::place_parameters(Lane& lane, local_train::GpuClients& g) const {
  const bool resident = state_ != nullptr;
  g.row = resident ? lane.row.data() : lane.order.data();
  g.row_out = resident ? lane.next_row.data() : lane.order.data();
  g.user = resident ? state_->user() : lane.user.data();
  g.user_out = resident ? state_->user() : lane.user_out.data();
  g.router = resident ? state_->router() : lane.router.data();
  g.router_out = resident ? state_->router() : lane.router_out.data();
  if (spec_.shares_head) {
    g.theta = theta_.data();
    g.theta_out = lane.theta_out.data();
    g.theta_stride = 0;
    return;
  }
  g.theta_stride = spec_.head.theta;
  g.theta = resident ? state_->theta() : lane.theta.data();
  g.theta_out = resident ? state_->theta() : lane.theta_out.data();
}

void DeviceEngine::launch_training(Lane& lane, DeviceUploads& uploads, const RoundInputs& in) {
  auto rates = rates_of(config_, spec_, data_.items, in.round);
  const bool distils = in.distillation.preferences != nullptr;
  rates.lambda = distils ? float(in.distillation.lambda) : 0.0f;
  rates.soft_negatives_only = in.distillation.negatives_only;

  local_train::GpuClients g;
  g.count = int(lane.clients());
  g.order = lane.order.data();
  g.begin = lane.begin.data();
  g.samples = lane.samples.data();
  g.slots = uploads.slots.data();
  g.items = uploads.items.data();
  g.entries = lane.entries.data();
  g.epochs = int(config_.federation.local_epochs);
  g.batch = int(config_.federation.batch);
  place_parameters(lane, g);
  for (std::size_t j = 0; j < views_.size(); ++j) g.view[j] = views_[j].data();
  g.rows = uploads.rows.data();
  g.personal = shape_.personal ? uploads.overlay.data() : nullptr;
  g.tuned = spec_.has_overlay() && !shape_.personal ? uploads.overlay.data() : nullptr;
  g.preferences = distils ? preferences_.data() : nullptr;
  g.group = lane.group.data();
  g.items_total = data_.items;
  g.outcome = lane.outcome.data();
  g.omega = lane.omega.data();
  g.rho = lane.rho.data();
  g.finite = lane.finite.data();
  g.scratch = lane.scratch.data();
  const auto& plan = launches_.at(lane.chunk()->bound);
  gpu::on_platform(*device_, [&]<class P>(P) {
    local_train::train_clients<P>(shape_, rates, plan, g, lane.stream);
  });
}

aggregate::GpuUpdates DeviceEngine::updates(const Lane& lane, const DeviceUploads& uploads,
                                            std::int64_t tables,
                                            gpu::Buffer<std::int64_t>& sums) const {
  aggregate::GpuUpdates u;
  u.rows = data_.items * tables;
  u.width = spec_.view_width;
  u.count = spec_.views * lane.chunk()->room();
  u.ids = lane.ids.data();
  u.owner = lane.owner.data();
  u.delta = uploads.rows.data();
  u.weight = lane.weight.data();
  u.sums = sums.data();
  u.misfit = lane.misfit.data();
  return u;
}

void DeviceEngine::add_to_round(Lane& lane, DeviceUploads& uploads, const RoundSums& sums,
                                bool heads) {
  for_each_in_blocks(std::int64_t(lane.clients()), threads(), [&](std::int64_t c) {
    lane.weight_host[std::size_t(c)] = weight_of(spec_, data_, lane.client(std::size_t(c)));
  });
  lane.send(lane.weight, lane.weight_host);
  lane.misfit.fill_bytes(0, lane.stream);
  auto u = updates(lane, uploads, spec_.views, sums_);
  u.scale = sums.fixed().scale;
  const auto addressed = lane.uploads(uploads, spec_, data_.items, nullptr);
  gpu::on_platform(*device_, [&]<class P>(P) {
    aggregate::address_updates<P>(addressed, lane.ids.data(), lane.owner.data(), lane.stream);
    aggregate::add_updates<P>(aggregate::GpuMethod::sorted, u, lane.sort.data(), lane.stream);
    if (!spec_.shares_head) return;
    const aggregate::GpuVectors all_heads{std::int64_t(lane.clients()),
                                          spec_.head.theta,
                                          lane.theta_out.data(),
                                          lane.weight.data(),
                                          u.scale,
                                          theta_sums_.data(),
                                          lane.misfit.data()};
    aggregate::add_vectors<P>(all_heads, lane.stream);
  });
  lane.fetch(lane.samples, lane.samples_host);
  lane.fetch(uploads.slots, lane.slots_host);
  lane.fetch(lane.finite, lane.finite_host);
  lane.fetch(lane.misfit, lane.misfit_host);
  lane.fetch(lane.outcome, lane.outcome_host, 3);
  lane.fetch(lane.omega, lane.omega_host, 3);
  fetch_state(lane, heads);
}

void DeviceEngine::fetch_state(Lane& lane, bool heads) {
  if (heads && state_ && !spec_.shares_head) {
    const gather::Problem there{std::int64_t(lane.clients()), spec_.head.theta, state_->theta(),
                                lane.next_row.data(), lane.theta_out.data()};
    gpu::on_platform(*device_, [&]<class P>(P) { gather::gather_rows<P>(there, lane.stream); });
  }
  if (heads) lane.fetch(lane.theta_out, lane.theta_host, std::size_t(spec_.head.theta));
  if (state_) return;
  lane.fetch(lane.user_out, lane.user_host, std::size_t(spec_.head.user));
  lane.fetch(lane.router_out, lane.router_host, std::size_t(spec_.router.size));
}

void DeviceEngine::add_to_groups(Lane& lane, DeviceUploads& uploads,
                                 std::span<const std::int32_t> group, const GroupSums& groups) {
  for (std::size_t c = 0; c < lane.clients(); ++c) {
    const auto l = group[std::size_t(lane.chunk()->positions[c])];
    lane.weight_host[c] = 1;
    lane.table_host[c] = l;
    lane.scale_host[c] = l < 0 ? 1.0 : groups.fixed(std::size_t(l)).scale;
  }
  lane.send(lane.weight, lane.weight_host);
  lane.send(lane.table, lane.table_host);
  lane.send(lane.scale, lane.scale_host);
  lane.misfit.fill_bytes(0, lane.stream);
  auto u = updates(lane, uploads, groups.groups(), group_sums_);
  u.scale_of = lane.scale.data();
  const auto addressed = lane.uploads(uploads, spec_, data_.items, lane.table.data());
  gpu::on_platform(*device_, [&]<class P>(P) {
    if (!spec_.rows_trained)
      aggregate::fold_views<P>(addressed, float(item_rate(config_, data_.items)),
                               uploads.rows.data(), lane.stream);
    aggregate::address_updates<P>(addressed, lane.ids.data(), lane.owner.data(), lane.stream);
    aggregate::add_updates<P>(aggregate::GpuMethod::sorted, u, lane.sort.data(), lane.stream);
  });
  lane.fetch(lane.misfit, lane.misfit_host);
}

void DeviceEngine::fetch_overlay(Lane& lane, const DeviceUploads& uploads) {
  const auto room = std::size_t(lane.chunk()->room());
  uploads.items.copy_out(lane.items_host.first(room), lane.stream);
  lane.fetch(uploads.slots, lane.slots_host);
  uploads.overlay.copy_out(lane.overlay_host.first(room * std::size_t(spec_.overlay_width())),
                           lane.stream);
}

}  // namespace fedfuse
