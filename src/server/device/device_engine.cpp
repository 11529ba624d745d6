// The two passes of a round on a device, chunk after chunk on a few lanes.
#include "server/device/device_engine.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <thread>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace fedfuse {

DeviceEngine::DeviceEngine(const Config& config, const ModelSpec& spec, const Dataset& data,
                           ChosenDevice chosen, int threads, const ChunkLimits& limits,
                           gpu::ChosenReducer reducer)
    : Engine(threads),
      config_(config),
      spec_(spec),
      data_(data),
      device_(std::move(chosen.device)),
      ranks_(chosen.ranks),
      reducer_(std::move(reducer)),
      sampler_(config, data),
      shape_(shape_of(spec)),
      stream_(device_),
      to_host_(device_) {
  for (std::int64_t u = 0; u < data.local_clients(); ++u) {
    const auto bound = bucket_bound(samples_of(data, u, config.federation.negatives_per_positive));
    if (!launches_.contains(bound)) launches_.emplace(bound, launch_plan(bound));
  }
  constexpr double usable = 0.9;  // the driver and the allocator take their part
  const auto free = std::int64_t(usable * double(chosen.free_bytes) / double(ranks_));
  const auto budget = config.execution.memory_gib > 0
                          ? std::min(free, std::int64_t(config.execution.memory_gib *
                                                        double(std::int64_t(1) << 30)))
                          : free;
  plan_ = plan_memory(config, spec, data, limits, scratch_floats() * std::int64_t(sizeof(float)),
                      budget, device_->info().name, chosen.world);
  place_data();
  if (plan_.state_resident)
    state_ = std::make_unique<ResidentState>(device_, spec, data.local_clients(), threads);
  for (int l = 0; l < lanes; ++l)
    lanes_.emplace_back(device_, config, spec, data, plan_, scratch_floats());
  if (!plan_.stores_uploads)
    for (int l = 0; l < lanes; ++l)
      uploads_.emplace_back(device_, spec, plan_.limits.room, plan_.limits.clients);
}

EngineFacts DeviceEngine::facts() const {
  const auto& info = device_->info();
  const auto kind = info.emulated ? DeviceKind::emulated : DeviceKind::cuda;
  return {.device = kind,
          .name = info.name,
          .uuid = info.uuid,
          .driver = info.driver,
          .reduction = reducer_.name,
          .ranks_on_device = ranks_,
          .needed_bytes = std::size_t(plan_.needed()),
          .high_water_bytes = device_->high_water_bytes(),
          .ranking = device_ranks_clients(spec_) ? kind : DeviceKind::cpu,
          .state = holds_state() ? StateHome::device : StateHome::host};
}

void DeviceEngine::adopt(const ClientState& state) {
  if (state_) state_->adopt(state);
}
void DeviceEngine::bring_home(ClientState& state) const {
  if (state_) state_->bring_home(state);
}
void DeviceEngine::commit(const std::vector<std::int32_t>& local, const Trained& trained,
                          ClientState& state) {
  if (state_) return state_->commit(local);
  Engine::commit(local, trained, state);
}

std::optional<std::int64_t> DeviceEngine::train(const std::vector<std::int32_t>& local,
                                                const RoundInputs& inputs, Trained& trained,
                                                RoundSums& sums) {
  if (local != in_chunks_) {
    chunks_ =
        cut_into_chunks(data_, local, config_.federation.negatives_per_positive, plan_.limits);
    in_chunks_ = local;
  }
  rho_.assign(local.size(), 1.0);
  send_round(inputs);
  if (plan_.stores_uploads) make_room_for_uploads();
  LeastClient failed;
  over_lanes(
      [&](Lane& lane, std::size_t k) {
        auto& uploads = uploads_of(lane, k);
        begin(lane, chunks_[k], uploads, local, inputs);
        add_to_round(lane, uploads, sums, trained.theta.rows > 0);
      },
      [&](Lane& lane) { collect(lane, trained, sums, failed); });
  return failed.id();
}

// A chunk of few large clients leaves most of the device idle for as long as one of them trains: it
// runs beside others, and nobody waits for it.
void DeviceEngine::over_lanes(const std::function<void(Lane& lane, std::size_t k)>& begin,
                              const std::function<void(Lane& lane)>& end) {
  const auto fills_device = [&](const Chunk& chunk) {
    return chunk.clients() >= blocks_a_multiprocessor * device_->info().multiprocessors;
  };
  std::deque<std::size_t> thin, thick;
  for (std::size_t k = 0; k < chunks_.size(); ++k)
    (fills_device(chunks_[k]) ? thick : thin).push_back(k);
  const auto busy_thin = [&] {
    return std::ranges::any_of(lanes_, [&](const Lane& lane) {
      return lane.chunk() != nullptr && !fills_device(*lane.chunk());
    });
  };
  while (!thin.empty() || !thick.empty()) {
    auto& lane = free_lane(end);
    auto& from = thick.empty() || (!thin.empty() && !busy_thin()) ? thin : thick;
    begin(lane, from.front());
    from.pop_front();
  }
  for (auto& lane : lanes_)
    if (lane.chunk() != nullptr) end(lane);
}

// One that has no chunk, or the first whose chunk is done.
Lane& DeviceEngine::free_lane(const std::function<void(Lane& lane)>& end) {
  const auto idle =
      std::ranges::find_if(lanes_, [](const Lane& lane) { return lane.chunk() == nullptr; });
  if (idle != lanes_.end()) return *idle;
  for (;; std::this_thread::yield())
    for (auto& lane : lanes_)
      if (lane.stream.is_done()) {
        end(lane);
        return lane;
      }
}

// Where everybody takes part, every round has the chunks of the last, and allocates nothing here.
void DeviceEngine::make_room_for_uploads() {
  const auto fits = [this](std::size_t k) {
    return uploads_[k].items.size() == std::size_t(chunks_[k].room()) &&
           uploads_[k].slots.size() == std::size_t(chunks_[k].clients());
  };
  std::size_t same = 0;
  while (same < std::min(uploads_.size(), chunks_.size()) && fits(same)) ++same;
  uploads_.resize(same);
  for (std::size_t k = same; k < chunks_.size(); ++k)
    uploads_.emplace_back(device_, spec_, chunks_[k].room(), chunks_[k].clients());
}

void DeviceEngine::collect(Lane& lane, Trained& trained, RoundSums& sums, LeastClient& failed) {
  lane.stream.synchronise();
  const auto& chunk = *lane.chunk();
  const auto rates = rates_of(config_, spec_, data_.items, 0);
  const auto copy = [](const gpu::Pinned<float>& from, std::size_t c, Matrix<float>& to,
                       std::int64_t p) {
    if (to.rows > 0 && to.cols > 0)
      std::copy_n(&from[c * std::size_t(to.cols)], to.cols, to.row(p));
  };
  const auto one = [&](std::int64_t i, RoundSums::Numbers& numbers) {
    const auto c = std::size_t(i);
    const auto p = std::int64_t(chunk.positions[c]);
    const std::int64_t u = lane.client(c),
                       steps = config_.federation.local_epochs *
                               ((lane.samples_host[c] + config_.federation.batch - 1) /
                                config_.federation.batch);
    const double rho = rho_[std::size_t(p)] = untouched_share(rates, steps);
    local_train::Outcome outcome;
    outcome.loss_recommendation = lane.outcome_host[3 * c];
    outcome.loss_distillation = lane.outcome_host[3 * c + 1];
    outcome.loss = lane.outcome_host[3 * c + 2];
    const bool good = lane.finite_host[c] != 0 && lane.misfit_host[c] == 0 &&
                      numbers.add(outcome, lane.slots_host[c], rho, weight_of(spec_, data_, u));
    if (!good) failed.offer(data_.client_ids[std::size_t(u)]);
    copy(lane.theta_host, c, trained.theta, p);
    copy(lane.user_host, c, trained.user, p);
    copy(lane.router_host, c, trained.router, p);
    std::copy_n(&lane.omega_host[3 * c], 3, trained.omega[std::size_t(p)].begin());
  };
  for_each_block(chunk.clients(), threads(), [&](std::int64_t first, std::int64_t end) {
    RoundSums::Numbers numbers(sums);
    for (auto i = first; i < end; ++i) one(i, numbers);
    sums.add(numbers);
  });
  lane.release();
}

std::int64_t DeviceEngine::revisit(const std::vector<std::int32_t>& local,
                                   const RoundInputs& inputs, std::span<const std::int32_t> group,
                                   const Trained& trained, GroupSums* groups,
                                   const KeepRows& keep_rows) {
  std::atomic<std::int64_t> refused{0};
  if (groups != nullptr) {
    const auto cells = std::size_t(data_.items * spec_.view_width * groups->groups());
    if (group_sums_.size() != cells) {
      group_sums_ = {};
      group_sums_ = gpu::Buffer<std::int64_t>(device_, cells);
    }
    group_sums_.fill_bytes(0, stream_);
    stream_.synchronise();
    for_each_block(
        std::int64_t(local.size()), threads(), [&](std::int64_t first, std::int64_t end) {
          GroupSums::Numbers numbers(*groups);
          for (auto p = first; p < end; ++p) {
            const auto l = group[std::size_t(p)];
            const std::span<const float> theta(trained.theta.row(p), std::size_t(spec_.head.theta));
            if (l >= 0 && !numbers.add(l, float(rho_[std::size_t(p)]), theta,
                                       trained.omega[std::size_t(p)].data()))
              ++refused;
          }
          groups->add(numbers);
        });
  }
  stored_bytes_ = 0;
  over_lanes(
      [&](Lane& lane, std::size_t k) {
        auto& uploads = uploads_of(lane, k);
        if (plan_.stores_uploads)
          lane.take(chunks_[k], local, threads());
        else
          begin(lane, chunks_[k], uploads, local, inputs);
        if (groups != nullptr) add_to_groups(lane, uploads, group, *groups);
        if (spec_.has_overlay()) fetch_overlay(lane, uploads);
        if (plan_.stores_uploads)
          stored_bytes_ +=
              std::int64_t(sizeof(float) * (uploads.items.size() + uploads.slots.size() +
                                            uploads.rows.size() + uploads.overlay.size()));
      },
      [&](Lane& lane) { refused += finish(lane, groups != nullptr, keep_rows); });
  return refused;
}

// The lane's work of pass 2 is done: what stays on its clients, one after the other. Returns how
// many updates did not fit.
std::int64_t DeviceEngine::finish(Lane& lane, bool groups, const KeepRows& keep_rows) {
  lane.stream.synchronise();
  const auto& chunk = *lane.chunk();
  std::int64_t refused = 0;
  for (std::size_t c = 0; c < lane.clients(); ++c) {
    if (groups) refused += lane.misfit_host[c];
    if (!spec_.has_overlay()) continue;
    const auto first = std::size_t(chunk.begin[c]), slots = std::size_t(lane.slots_host[c]);
    const float* rows = &lane.overlay_host[first * std::size_t(spec_.overlay_width())];
    keep_rows(lane.client(c), {{&lane.items_host[first], slots},
                               nullptr,
                               rows,
                               float(rho_[std::size_t(chunk.positions[c])])});
  }
  lane.release();
  return refused;
}

void DeviceEngine::reduce(RoundSums& sums, const Comm& comm) {
  auto* const devices = reducer_.reducer.get();
  const auto* const hosts = devices == nullptr ? &comm : nullptr;
  to_host_.fetch(sums_, std::size_t(spec_.views), spec_.view_width, devices,
                 [&](std::size_t j, std::int64_t first, std::span<const std::int64_t> rows) {
                   sums.merge(j, first, rows, hosts);
                 });
  to_host_.fetch(theta_sums_, 1, spec_.head.theta, devices,
                 [&](std::size_t, std::int64_t, std::span<const std::int64_t> theta) {
                   sums.merge_theta(theta, devices != nullptr);
                 });
  sums.reduce(comm);
}

void DeviceEngine::reduce(GroupSums& groups, const Comm& comm) {
  auto* const devices = reducer_.reducer.get();
  const auto* const hosts = devices == nullptr ? &comm : nullptr;
  to_host_.fetch(group_sums_, std::size_t(groups.groups()), spec_.view_width, devices,
                 [&](std::size_t l, std::int64_t first, std::span<const std::int64_t> rows) {
                   groups.merge(l, first, rows, hosts);
                 });
  groups.reduce(comm);
}

}  // namespace fedfuse
