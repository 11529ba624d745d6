#include "evaluation/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "evaluation/router_weights.hpp"
#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse {
namespace {

rank::Model shared_part(const ModelSpec& spec, const GlobalModel& global, const ClientState& state,
                        const Dataset& data, const Schedule& plan) {
  FEDFUSE_CHECK(int(global.views.size()) == spec.views,
                "the model has another number of views than its specification");
  rank::Model model;
  model.head = spec.head;
  model.items = data.items;
  model.views = spec.views;
  model.width = spec.view_width;
  for (int j = 0; j < spec.views; ++j) model.view[j] = global.views[std::size_t(j)].data();
  if (spec.shares_head) model.theta = global.theta.data();
  if (spec.has_overlay())
    model.own_rows = spec.backbone.personal_rows ? rank::OwnRows::add : rank::OwnRows::replace;
  if (!state.base.empty()) model.base = state.base.data();
  model.excluded = plan.excluded;
  if (spec.prior_in_score && !global.prior.empty()) {
    model.prior = global.prior.data();
    model.prior_groups = int(global.prior.cols);
  }
  return model;
}

// What a batch of clients needs beside the state: at most batch_clients at once, so that memory
// stays bounded.
constexpr std::size_t batch_clients = rank::BatchLimits{}.clients;
struct Batch {
  std::vector<rank::Client> clients;
  Matrix<float> omega;
  std::vector<std::vector<std::int32_t>> candidates;
};

rank::Client client_part(const ModelSpec& spec, const ClientState& state, const Dataset& data,
                         const Held& held, std::int64_t u) {
  rank::Client c;
  if (!spec.shares_head) c.theta = state.theta.row(u);
  if (spec.head.user > 0) c.user = state.user.row(u);
  if (!state.base.empty()) c.base_scale = state.base_scale[std::size_t(u)];
  if (spec.has_overlay()) {
    const auto rows = state.overlay.of(u);
    c.row_ids = rows.ids;
    c.rows = rows.rows;
  }
  if (spec.prior_in_score) c.shares = state.shares.row(u);
  c.dropped = data.positives(u);
  c.valid = held.valid;
  c.test = held.test;
  return c;
}

Batch make_batch(const ModelSpec& spec, const GlobalModel& global, const ClientState& state,
                 const Dataset& data, const EvaluationProtocol& protocol, const Schedule& plan,
                 std::span<const std::int32_t> who) {
  Batch batch;
  const auto n = std::int64_t(who.size());
  batch.clients.resize(who.size());
  batch.candidates.resize(protocol.sampled_candidates > 0 ? who.size() : 0);
  batch.omega = Matrix<float>(spec.has_router ? n : 0, spec.views);
#pragma omp parallel for schedule(dynamic, 4)
  for (std::int64_t b = 0; b < n; ++b) {
    const std::int64_t u = who[std::size_t(b)];
    auto& c = batch.clients[std::size_t(b)];
    c = client_part(spec, state, data, plan.held[std::size_t(u)], u);
    if (spec.has_router) {
      router_weights(spec.router, state.router.row(u), global.views, data.positives(u),
                     {batch.omega.row(b), std::size_t(spec.views)});
      c.omega = batch.omega.row(b);
    }
    if (protocol.sampled_candidates > 0) {
      batch.candidates[std::size_t(b)] = sampled_candidates(data, plan, u, protocol);
      c.candidates = batch.candidates[std::size_t(b)];
      c.sampled = true;
    }
  }
  return batch;
}

// Of the ranks of these clients, and of the routers that weigh their views.
double flops_of(const ModelSpec& spec, const rank::Problem& problem, const Dataset& data,
                std::span<const std::int32_t> who) {
  double sum = problem.flops();
  if (!spec.has_router) return sum;
  const double d = spec.router.d, views = spec.router.views, row = 2 * (views * d * d + d * views);
  for (const auto u : who) sum += row * double(data.positives(u).size());
  return sum;
}

}  // namespace

LocalRanks evaluate_ranks(const ModelSpec& spec, const GlobalModel& global,
                          const ClientState& state, const Dataset& data,
                          const EvaluationProtocol& protocol, const Comm& comm,
                          const std::shared_ptr<gpu::Device>& device, const Kernels& kernels,
                          const Stop& stop) {
  const auto plan = schedule(data, protocol, comm);
  LocalRanks out{std::vector<rank::Ranks>(std::size_t(data.local_clients())), plan.skipped_cold};
  double flops = 0;
  const auto model = shared_part(spec, global, state, data, plan);
  std::optional<rank::DeviceRanker> on_device;
  if (device != nullptr && !plan.order.empty() && rank::served_on_device({model, {}}))
    on_device.emplace(device, model, protocol.sampled_candidates > 0);
  const auto rank_batch = [&](std::size_t first) {
    const auto who =
        std::span(plan.order).subspan(first, std::min(batch_clients, plan.order.size() - first));
    const auto batch = make_batch(spec, global, state, data, protocol, plan, who);
    std::vector<rank::Ranks> ranks(who.size());
    if (on_device)
      on_device->run(batch.clients, ranks);
    else
      kernels.ranks({model, batch.clients}, ranks);
    flops += flops_of(spec, {model, batch.clients}, data, who);
    for (std::size_t b = 0; b < who.size(); ++b) out.of_client[std::size_t(who[b])] = ranks[b];
  };
  comm.together([&] {
    for (std::size_t first = 0; first < plan.order.size(); first += batch_clients) {
      if (is_asked(stop)) throw Stopped();
      rank_batch(first);
    }
  });
  out.flop = std::llround(flops);
  return out;
}

Evaluation evaluate(const ModelSpec& spec, const GlobalModel& global, const ClientState& state,
                    const Dataset& data, const EvaluationProtocol& protocol, const Comm& comm,
                    const std::shared_ptr<gpu::Device>& device, const Kernels& kernels,
                    const Stop& stop) {
  return metrics(evaluate_ranks(spec, global, state, data, protocol, comm, device, kernels, stop),
                 data, comm);
}

}  // namespace fedfuse
