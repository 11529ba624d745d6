// The first pass of a round on a device, a few chunks in flight, and what a device sends home.
#include "server/device/device_engine.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <thread>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "server/teacher.hpp"

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
  plan_ = plan_memory(config, spec, data,
                      {.limits = limits,
                       .scratch_floats = scratch_floats(),
                       .free_bytes = budget,
                       .device = device_->info().name,
                       .ranks = chosen.world});
  place_data();
  // the teacher makes its targets there
  if ((chosen.world == 1 || reducer_.reducer != nullptr) &&
      GroupTeacher::trains_on(*device_, config, spec, data))
    group_rows_ = GroupSums::Rows::on_device;
  if (plan_.state_resident)
    state_ = std::make_unique<ResidentState>(device_, spec, data.local_clients(), threads);
  for (int k = 0; k < chunks_in_flight; ++k) {
    workspaces_.emplace_back(device_, chunk_sizes(config, spec, data, plan_, scratch_floats()));
    if (!plan_.stores_uploads)
      uploads_.push_back(
          make_upload_buffers(device_, spec, plan_.limits.samples, plan_.limits.clients));
  }
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
void DeviceEngine::commit(const std::vector<std::int32_t>& local, Trained& trained,
                          ClientState& state) {
  if (state_) return state_->commit(local);
  Engine::commit(local, trained, state);
}

Misfit DeviceEngine::train(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                           Trained& trained, RoundSums& sums) {
  if (local != in_chunks_) {
    chunks_ =
        cut_into_chunks(data_, local, config_.federation.negatives_per_positive, plan_.limits);
    in_chunks_ = local;
  }
  rho_.assign(local.size(), 1.0);
  virtual_rate_.assign(local.size(), 0.0f);
  folded_ = false;
  send_round(inputs);
  if (plan_.stores_uploads) allocate_uploads();
  MisfitClients misfits;
  over_chunks(
      inputs.stop,
      [&](ChunkWorkspace& work, std::size_t k) {
        auto& uploads = uploads_of(work, k);
        begin(work, chunks_[k], uploads, local, inputs);
        add_to_round(work, uploads, sums, trained.theta.rows > 0);
      },
      [&](ChunkWorkspace& work) { collect(work, inputs, trained, sums, misfits); });
  return misfits.found();
}

// A chunk of few large clients leaves most of the device idle for as long as one of them trains: it
// runs beside others, and no other chunk waits for it.
void DeviceEngine::over_chunks(
    const Stop& stop, const std::function<void(ChunkWorkspace& work, std::size_t k)>& begin,
    const std::function<void(ChunkWorkspace& work)>& end) {
  const auto fills_device = [&](const Chunk& chunk) {
    return chunk.clients() >= blocks_a_multiprocessor * device_->info().multiprocessors;
  };
  std::deque<std::size_t> thin, thick;
  for (std::size_t k = 0; k < chunks_.size(); ++k)
    (fills_device(chunks_[k]) ? thick : thin).push_back(k);
  const auto busy_thin = [&] {
    return std::ranges::any_of(workspaces_, [&](const ChunkWorkspace& work) {
      return work.chunk() != nullptr && !fills_device(*work.chunk());
    });
  };
  while (!thin.empty() || !thick.empty()) {
    if (is_asked(stop)) abandon_chunks();
    auto& work = free_workspace(end);
    auto& from = thick.empty() || (!thin.empty() && !busy_thin()) ? thin : thick;
    begin(work, from.front());
    from.pop_front();
  }
  for (auto& work : workspaces_)
    if (work.chunk() != nullptr) end(work);
}

// Waits for what is under way, and leaves it out.
void DeviceEngine::abandon_chunks() {
  for (auto& work : workspaces_) {
    if (work.chunk() == nullptr) continue;
    work.stream.synchronise();
    work.release();
  }
  throw Stopped();
}

// One that has no chunk, or the first whose chunk is done.
ChunkWorkspace& DeviceEngine::free_workspace(const std::function<void(ChunkWorkspace& work)>& end) {
  const auto idle = std::ranges::find_if(
      workspaces_, [](const ChunkWorkspace& work) { return work.chunk() == nullptr; });
  if (idle != workspaces_.end()) return *idle;
  for (;; std::this_thread::yield())
    for (auto& work : workspaces_)
      if (work.stream.is_done()) {
        end(work);
        return work;
      }
}

// Where all clients take part, every round has the chunks of the last one and allocates nothing.
void DeviceEngine::allocate_uploads() {
  const auto fits = [this](std::size_t k) {
    return uploads_[k].items.size() == std::size_t(chunks_[k].samples()) &&
           uploads_[k].slots.size() == std::size_t(chunks_[k].clients());
  };
  std::size_t same = 0;
  while (same < std::min(uploads_.size(), chunks_.size()) && fits(same)) ++same;
  uploads_.resize(same);
  for (std::size_t k = same; k < chunks_.size(); ++k)
    uploads_.push_back(
        make_upload_buffers(device_, spec_, chunks_[k].samples(), chunks_[k].clients()));
}

void DeviceEngine::collect(ChunkWorkspace& work, const RoundInputs& inputs, Trained& trained,
                           RoundSums& sums, MisfitClients& misfits) {
  work.stream.synchronise();
  const auto& chunk = *work.chunk();
  const auto rates = rates_of(config_, spec_, data_.items, inputs.round);
  const auto copy = [](const gpu::Pinned<float>& from, std::size_t c, Matrix<float>& to,
                       std::int64_t p) {
    if (to.rows > 0 && to.cols > 0)
      std::copy_n(&from[c * std::size_t(to.cols)], to.cols, to.row(p));
  };
  const auto one = [&](std::int64_t i, RoundSums::Numbers& numbers) {
    const auto c = std::size_t(i);
    const auto p = std::int64_t(chunk.positions[c]);
    const std::int64_t u = work.client(c),
                       steps = config_.federation.local_epochs *
                               ((work.samples_host[c] + config_.federation.batch - 1) /
                                config_.federation.batch);
    const double rho = rho_[std::size_t(p)] = local_train::untouched_share(rates, steps);
    virtual_rate_[std::size_t(p)] =
        virtual_row_rate(rates, config_.federation.local_epochs * work.samples_host[c], steps);
    local_train::Outcome outcome;
    outcome.loss_recommendation = work.outcome_host[3 * c];
    outcome.loss_distillation = work.outcome_host[3 * c + 1];
    outcome.loss = work.outcome_host[3 * c + 2];
    copy(work.theta_host, c, trained.theta, p);
    copy(work.user_host, c, trained.user, p);
    copy(work.router_host, c, trained.router, p);
    auto& omega = trained.omega[std::size_t(p)];
    std::copy_n(&work.omega_host[3 * c], 3, omega.begin());
    const std::span<const float> theta =
        spec_.has_teacher
            ? std::span<const float>(trained.theta.row(p), std::size_t(trained.theta.cols))
            : std::span<const float>();
    const bool grows = spec_.backbone.personal_rows && std::abs(rho) > 1;
    const bool finite =
        work.finite_host[c] != 0 && (!grows || keeps_finite_rows(inputs.state, u, rho));
    const auto of_rows = work.misfit_host[c], of_head = work.misfit_host[work.clients() + c];
    const bool good =
        finite && of_rows == 0 && of_head == 0 &&
        numbers.add(outcome, work.slots_host[c], rho, weight_of(spec_, data_, u)) &&
        (!spec_.has_teacher || GroupSums::take(spec_, sums.ranges(), rho, theta, omega));
    if (good) return;
    auto excess = sums.excess(outcome, rho, theta, omega);
    if (!finite) excess.found_not_finite();
    excess.look(SumKind::rows, std::bit_cast<float>(of_rows));
    excess.look(SumKind::head, std::bit_cast<float>(of_head));
    misfits.offer(data_.client_ids[std::size_t(u)], excess);
  };
  for_each_block(chunk.clients(), threads(), [&](std::int64_t first, std::int64_t end) {
    RoundSums::Numbers numbers(sums);
    for (auto i = first; i < end; ++i) one(i, numbers);
    sums.add(numbers);
  });
  work.release();
}

void DeviceEngine::reduce(RoundSums& sums, const Comm& comm) {
  auto* const devices = reducer_.reducer.get();
  const auto* const hosts = devices == nullptr ? &comm : nullptr;
  to_host_.fetch(buffers_.row_weight, {1, spec_.counts_rows ? data_.items : 0, 1}, devices,
                 [&](std::size_t, std::int64_t first, std::span<const std::int64_t> weight) {
                   sums.merge_weight(first, weight);
                 });
  to_host_.fetch(buffers_.sums, {std::size_t(spec_.views), data_.items, spec_.view_width}, devices,
                 [&](std::size_t j, std::int64_t first, std::span<const std::int64_t> rows) {
                   sums.merge(j, first, rows, hosts);
                 });
  to_host_.fetch(buffers_.theta_sums, {1, spec_.shares_head ? 1 : 0, spec_.head.theta}, devices,
                 [&](std::size_t, std::int64_t, std::span<const std::int64_t> theta) {
                   sums.merge_theta(theta, devices != nullptr);
                 });
  sums.reduce(comm);
}

void DeviceEngine::keep_group_rows(GroupSums& groups, gpu::Reducer* devices) {
  if (devices != nullptr) {
    const auto words = groups.groups() * data_.items * spec_.view_width;
    devices->sum(buffers_.group_sums.data(), std::size_t(words), stream_);
    devices->wait(stream_);
  }
  GroupSums::OnDevice there{.rows = buffers_.group_sums.data()};
  for (std::size_t j = 0; j < buffers_.views.size(); ++j) there.view[j] = buffers_.views[j].data();
  groups.stay(there);
}

void DeviceEngine::reduce(GroupSums& groups, const Comm& comm) {
  auto* const devices = reducer_.reducer.get();
  if (group_rows_ == GroupSums::Rows::on_device) {
    keep_group_rows(groups, devices);
    return groups.reduce(comm);
  }
  const auto* const hosts = devices == nullptr ? &comm : nullptr;
  to_host_.fetch(buffers_.group_sums, {std::size_t(groups.groups()), data_.items, spec_.view_width},
                 devices,
                 [&](std::size_t l, std::int64_t first, std::span<const std::int64_t> rows) {
                   groups.merge(l, first, rows, hosts);
                 });
  groups.reduce(comm);
}

}  // namespace fedfuse
