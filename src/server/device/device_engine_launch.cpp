// What the device engine puts on its device and launches there.
#include <algorithm>
#include <atomic>

#include "core/parallel.hpp"
#include "kernels/gather/gather.hpp"
#include "kernels/sample/sample_gpu.hpp"
#include "server/device/device_engine.hpp"
#include "server/device/listed_buffers.hpp"

namespace fedfuse {

void DeviceEngine::place_data() {
  allocate_listed(buffers_, device_, config_, spec_, data_);
  buffers_.ids.copy_in(data_.client_ids, stream_);
  buffers_.train.copy_in(data_.train, stream_);
  buffers_.valid.copy_in(data_.valid, stream_);
  buffers_.test.copy_in(data_.test, stream_);
  buffers_.offsets.copy_in(data_.offsets, stream_);
  buffers_.listed.copy_in(sampler_.rules().listed, stream_);
  stream_.synchronise();
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
  for (std::size_t j = 0; j < buffers_.views.size(); ++j)
    buffers_.views[j].copy_in(in.global.views[j].span(), stream_);
  buffers_.theta.copy_in(in.global.theta, stream_);
  if (in.distillation.preferences != nullptr)
    buffers_.preferences.copy_in(in.distillation.preferences->span(), stream_);
  if (in.distillation.prior.logits != nullptr)
    buffers_.prior.copy_in(in.distillation.prior.logits->span(), stream_);
  buffers_.sums.fill_bytes(0, stream_);
  buffers_.theta_sums.fill_bytes(0, stream_);
  buffers_.row_weight.fill_bytes(0, stream_);
  stream_.synchronise();
}

void DeviceEngine::begin(ChunkWorkspace& work, const Chunk& chunk, UploadBuffers& uploads,
                         const std::vector<std::int32_t>& local, const RoundInputs& in) {
  work.take(chunk, local, threads());
  send_state(work, in);
  draw(work, uploads, in.round);
  if (shape_.personal) send_personal(work, uploads, in.state);
  launch_training(work, uploads, in);
}

void DeviceEngine::send_state(ChunkWorkspace& work, const RoundInputs& in) {
  const auto gather = [&](const Matrix<float>& from, const gpu::Pinned<float>& to, std::size_t c) {
    if (from.cols > 0)
      std::copy_n(from.row(work.client(c)), from.cols, &to[c * std::size_t(from.cols)]);
  };
  for_each_in_blocks(std::int64_t(work.clients()), threads(), [&](std::int64_t i) {
    const auto c = std::size_t(i);
    const auto u = work.client(c);
    work.group_host[c] = in.state.group[std::size_t(u)];
    if (in.distillation.prior.logits != nullptr)
      gather(*in.distillation.prior.shares, work.shares_host, c);
    if (state_) {
      work.row_host[c] = state_->row(u);
      work.next_row_host[c] = state_->next_row(u);
      return;
    }
    if (!spec_.shares_head) gather(in.state.theta, work.theta_host, c);
    gather(in.state.user, work.user_host, c);
    gather(in.state.router, work.router_host, c);
  });
  work.send(work.group, work.group_host);
  if (in.distillation.prior.logits != nullptr)
    work.send(work.shares, work.shares_host, std::size_t(spec_.prior_groups));
  if (state_) {
    work.send(work.row, work.row_host);
    work.send(work.next_row, work.next_row_host);
    return;
  }
  if (!spec_.shares_head) work.send(work.theta, work.theta_host, std::size_t(spec_.head.theta));
  work.send(work.user, work.user_host, std::size_t(spec_.head.user));
  work.send(work.router, work.router_host, std::size_t(spec_.router.size));
}

void DeviceEngine::draw(ChunkWorkspace& work, UploadBuffers& uploads, std::int64_t round) {
  const auto& rules = sampler_.rules();
  const sample::GpuSampling s{.count = int(work.clients()),
                              .local = work.local.data(),
                              .ids = buffers_.ids.data(),
                              .offsets = buffers_.offsets.data(),
                              .train = buffers_.train.data(),
                              .valid = buffers_.valid.data(),
                              .test = buffers_.test.data(),
                              .listed = rules.listed.empty() ? nullptr : buffers_.listed.data(),
                              .pool = std::uint32_t(rules.pool()),
                              .round = std::uint32_t(round),
                              .spare_held_out = rules.spare_held_out,
                              .in_order = rules.in_order,
                              .per_positive = int(rules.per_positive),
                              .epochs = int(rules.epochs),
                              .batch = int(rules.batch),
                              .negatives = rules.negatives,
                              .shuffle = rules.shuffle,
                              .begin = work.begin.data(),
                              .samples = work.samples.data(),
                              .slots = uploads.slots.data(),
                              .items = uploads.items.data(),
                              .drawn = work.drawn.data(),
                              .entries = work.entries.data()};
  const auto plan = sample::gpu_sample_plan(work.chunk()->bound, int(rules.epochs),
                                            device_->info().shared_per_block);
  gpu::on_platform(*device_, [&]<class P>(P) { sample::draw_clients<P>(plan, s, work.stream); });
}

// FedRAP: its rows live on the host; which of them a client needs is known once it has drawn.
void DeviceEngine::send_personal(ChunkWorkspace& work, UploadBuffers& uploads,
                                 const ClientState& state) {
  const auto& chunk = *work.chunk();
  const auto samples = std::size_t(chunk.samples()), width = std::size_t(spec_.overlay_width());
  uploads.items.copy_out(work.items_host.first(samples), work.stream);
  work.fetch(uploads.slots, work.slots_host);
  work.stream.synchronise();
  parallel_for(chunk.clients(), threads(), [&](std::int64_t i, int) {
    const auto c = std::size_t(i), first = std::size_t(chunk.begin[c]);
    if (work.slots_host[c] == 0) return;
    gather_personal(state, work.client(c),
                    {&work.items_host[first], std::size_t(work.slots_host[c])},
                    &work.overlay_host[first * width]);
  });
  uploads.overlay.copy_in(work.overlay_host.first(samples * width), work.stream);
}

// Where parameters are read and left: in the resident state, or in what the chunk brought.
void DeviceEngine::place_parameters(ChunkWorkspace& work, local_train::GpuClients& g) const {
  const bool resident = state_ != nullptr;
  g.row = resident ? work.row.data() : work.order.data();
  g.row_out = resident ? work.next_row.data() : work.order.data();
  g.user = resident ? state_->user() : work.user.data();
  g.user_out = resident ? state_->user() : work.user_out.data();
  g.router = resident ? state_->router() : work.router.data();
  g.router_out = resident ? state_->router() : work.router_out.data();
  if (spec_.shares_head) {
    g.theta = buffers_.theta.data();
    g.theta_out = work.theta_out.data();
    g.theta_stride = 0;
    return;
  }
  g.theta_stride = spec_.head.theta;
  g.theta = resident ? state_->theta() : work.theta.data();
  g.theta_out = resident ? state_->theta() : work.theta_out.data();
}

void DeviceEngine::launch_training(ChunkWorkspace& work, UploadBuffers& uploads,
                                   const RoundInputs& in) {
  auto rates = rates_of(config_, spec_, data_.items, in.round);
  const auto& prior = in.distillation.prior;
  const bool distils = in.distillation.preferences != nullptr,
             distils_prior = prior.logits != nullptr && prior.use == PriorUse::soft_labels;
  rates.lambda = distils || distils_prior ? float(in.distillation.lambda) : 0.0f;
  rates.soft_negatives_only = in.distillation.negatives_only;

  local_train::GpuClients g;
  g.count = int(work.clients());
  g.order = work.order.data();
  g.begin = work.begin.data();
  g.samples = work.samples.data();
  g.slots = uploads.slots.data();
  g.items = uploads.items.data();
  g.entries = work.entries.data();
  g.epochs = int(config_.federation.local_epochs);
  g.batch = int(config_.federation.batch);
  place_parameters(work, g);
  for (std::size_t j = 0; j < buffers_.views.size(); ++j) g.view[j] = buffers_.views[j].data();
  g.rows = uploads.rows.data();
  g.personal = shape_.personal ? uploads.overlay.data() : nullptr;
  g.tuned = spec_.has_overlay() && !shape_.personal ? uploads.overlay.data() : nullptr;
  g.preferences = distils ? buffers_.preferences.data() : nullptr;
  g.group = work.group.data();
  g.items_total = data_.items;
  if (prior.logits != nullptr)
    g.prior = {.logits = buffers_.prior.data(),
               .shares = work.shares.data(),
               .groups = int(spec_.prior_groups),
               .as_labels = distils_prior,
               .of_slot = work.prior.data()};
  g.outcome = work.outcome.data();
  g.omega = work.omega.data();
  g.rho = work.rho.data();
  g.finite = work.finite.data();
  g.scratch = work.scratch.data();
  const auto& plan = launches_.at(work.chunk()->bound);
  gpu::on_platform(*device_, [&]<class P>(P) {
    local_train::train_clients<P>(shape_, rates, plan, g, work.stream);
  });
}

aggregate::GpuUpdates DeviceEngine::updates(const ChunkWorkspace& work,
                                            const UploadBuffers& uploads, std::int64_t tables,
                                            gpu::Buffer<std::int64_t>& sums) const {
  aggregate::GpuUpdates u;
  u.rows = data_.items * tables;
  u.width = spec_.view_width;
  u.count = spec_.views * work.chunk()->samples();
  u.ids = work.ids.data();
  u.owner = work.owner.data();
  u.delta = uploads.rows.data();
  u.weight = work.weight.data();
  u.sums = sums.data();
  u.misfit = work.misfit.data();
  return u;
}

void DeviceEngine::add_to_round(ChunkWorkspace& work, UploadBuffers& uploads, const RoundSums& sums,
                                bool heads) {
  for_each_in_blocks(std::int64_t(work.clients()), threads(), [&](std::int64_t c) {
    const auto weight = weight_of(spec_, data_, work.client(std::size_t(c)));
    work.head_weight_host[std::size_t(c)] = weight;
    work.weight_host[std::size_t(c)] = weight_of_rows(spec_, weight);
  });
  work.send(work.weight, work.weight_host);
  work.send(work.head_weight, work.head_weight_host);
  work.misfit.fill_bytes(0, work.stream);
  auto u = updates(work, uploads, spec_.views, buffers_.sums);
  u.scale = sums.fixed().scale;
  u.limit = float(sums.fixed().largest);
  u.row_weight = spec_.counts_rows ? buffers_.row_weight.data() : nullptr;
  const auto addressed = work.uploads(uploads, spec_, data_.items, nullptr);
  gpu::on_platform(*device_, [&]<class P>(P) {
    aggregate::address_updates<P>(addressed, work.ids.data(), work.owner.data(), work.stream);
    aggregate::add_updates<P>(aggregate::GpuMethod::sorted, u, work.sort.data(), work.stream);
    if (!spec_.shares_head) return;
    const aggregate::GpuVectors all_heads{.count = std::int64_t(work.clients()),
                                          .width = spec_.head.theta,
                                          .values = work.theta_out.data(),
                                          .weight = work.head_weight.data(),
                                          .scale = sums.fixed_head().scale,
                                          .sums = buffers_.theta_sums.data(),
                                          .misfit = work.misfit.data() + work.clients(),
                                          .limit = float(sums.fixed_head().largest)};
    aggregate::add_vectors<P>(all_heads, work.stream);
  });
  work.fetch(work.samples, work.samples_host);
  work.fetch(uploads.slots, work.slots_host);
  work.fetch(work.finite, work.finite_host);
  work.fetch(work.misfit, work.misfit_host, work.misfits_a_client);
  work.fetch(work.outcome, work.outcome_host, 3);
  work.fetch(work.omega, work.omega_host, 3);
  fetch_state(work, heads);
}

void DeviceEngine::fetch_state(ChunkWorkspace& work, bool heads) {
  if (heads && state_ && !spec_.shares_head) {
    const gather::Problem there{.count = std::int64_t(work.clients()),
                                .width = spec_.head.theta,
                                .from = state_->theta(),
                                .rows = work.next_row.data(),
                                .to = work.theta_out.data()};
    gpu::on_platform(*device_, [&]<class P>(P) { gather::gather_rows<P>(there, work.stream); });
  }
  if (heads) work.fetch(work.theta_out, work.theta_host, std::size_t(spec_.head.theta));
  if (state_) return;
  work.fetch(work.user_out, work.user_host, std::size_t(spec_.head.user));
  work.fetch(work.router_out, work.router_host, std::size_t(spec_.router.size));
}

}  // namespace fedfuse
