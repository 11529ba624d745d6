#include "server/federation.hpp"

#include <cmath>

#include "clients/behaviour.hpp"
#include "clients/sampler.hpp"
#include "model/init.hpp"
#include "server/device/make_engine.hpp"
#include "server/staleness.hpp"

namespace fedfuse {

Federation::Federation(const Config& config, const Dataset& data, const Comm& comm, int threads,
                       const Kernels& kernels)
    : config_(config),
      kernels_(kernels),
      data_(data),
      comm_(comm),
      spec_(resolve(config)),
      state_(init_client_state(spec_, config, data)),
      engine_(make_engine(config_, spec_, data_, comm_, threads, kernels_)),
      schedule_(config_.gfmfr.distillation, config_.federation.rounds) {
  engine_->adopt(state_);
  global_.theta.resize(std::size_t(spec_.head.theta));
  init_head(global_.theta, spec_.head, config.federation.seed, 0);
  if (spec_.rows_trained) {
    auto& table = global_.views.emplace_back(data.items, spec_.view_width);
    init_normal(table, config.federation.seed, Purpose::item_table, config.model.init_std);
  } else {
    views_ = std::make_unique<ItemViews>(config_, spec_, data_, comm_, engine_->device(), kernels_);
    views_->forward(global_.views);
  }
  if (spec_.has_teacher) {
    teacher_ = make_server_teacher(config_, spec_, data_, comm_, engine_->device(), kernels_);
    if (config.gfmfr.group_by == GroupBy::behaviour) behaviour_ = behaviour_vectors(data);
  }
  if (config.privacy.probe_clients > 0)
    probe_ = std::make_unique<Probe>(config_, spec_, data_, kernels_);
  if (spec_.has_prior()) {
    prior_ = std::make_unique<GroupPriorServer>(config_, data_, kernels_);
    prior_->start(state_.shares, comm_);
  }
  if (simulates_time(config.participation)) {
    const auto traffic = count_traffic(spec_, data_, views_ ? views_->operator_parameters() : 0, 0);
    participation_ = std::make_unique<Participation>(config_, spec_, data_,
                                                     traffic.dense_down + traffic.dense_up, comm_);
  }
  if (config.secure.sum != SecureSumKind::none)
    secure_ = std::make_unique<SecureSum>(config_, spec_, data_, threads, kernels_);
}

std::vector<std::int32_t> Federation::participants(std::int64_t round, RoundReport& report) {
  if (participation_ == nullptr) {
    auto local = sample_participants(config_, data_, round);
    if (secure_ != nullptr) report.secure = secure_->meet(round, local, local, comm_);
    return local;
  }
  auto selection = participation_->select(round, comm_);
  if (secure_ != nullptr)
    report.secure = secure_->meet(round, selection.asked, selection.local, comm_);
  auto local = std::move(selection.local);
  selection.local.clear();
  selection.asked.clear();
  report.selection = std::move(selection);
  return local;
}

// --async: each client starts from the model that it was invited with, in that round.
std::vector<Start> Federation::starts(std::int64_t round, const RoundReport& report) const {
  std::vector<Start> starts;
  if (!is_buffered(config_.participation)) return starts;
  for (const auto version : report.selection->versions) {
    const auto staleness = round - 1 - version;
    starts.push_back({version + 1, staleness == 0 ? &global_ : &old_models_.of(version),
                      staleness_weight(staleness)});
  }
  return starts;
}

// The model before `round`, for those who are still training from it. Its next views replace it.
void Federation::keep_old_model(std::int64_t round) {
  if (!is_buffered(config_.participation)) return;
  const auto wanted = participation_->schedule()->versions_before(round);
  old_models_.keep(round - 1, {std::move(global_.views), global_.theta, {}}, wanted);
}

// A client that sits out keeps its group as long as a group has that name: the matching of the
// groupings gives names on. Where there are fewer groups than before, nobody has the names beyond.
void Federation::keep_groups_below(std::int64_t groups) {
  for (auto& group : state_.group)
    if (group >= groups) group = -1;
}

// Nothing but the clock changes.
RoundReport Federation::nobody_trains(RoundReport report) {
  if (participation_ != nullptr) participation_->pass(*report.selection);
  const double none = std::nan("");
  report.participants = 0;
  report.loss = report.loss_recommendation = report.loss_distillation = none;
  report.lambda = report.teacher_loss = none;
  report.norms = UploadNorms().summary();
  report.traffic = count_traffic(spec_, data_, views_ ? views_->operator_parameters() : 0, none);
  return report;
}

// A secure sum compares words of whole sums, and an order statistic takes their place.
bool Federation::sums_to_owners() const {
  return secure_ == nullptr && config_.attack.defence == Defence::none;
}

// On the sums of this round.
SumNoise Federation::noise_of(std::int64_t round) const {
  const auto& privacy = config_.privacy;
  return {config_.federation.seed, round, privacy.noise_multiplier * privacy.clip};
}

Work Federation::work() const {
  Work work{.training = engine_->turns().value_or(Turns{}), .decoded = decoded_};
  if (teacher_ != nullptr) work.teacher_flop = teacher_->flop();
  if (prior_ != nullptr) work.teacher_flop = prior_->flop();
  if (views_ != nullptr) work.views_flop = views_->flop();
  return work;
}

const ClientState& Federation::state() const {
  engine_->bring_home(state_);
  return state_;
}

void Federation::visit(StateVisitor& visitor) {
  engine_->bring_home(state_);
  fedfuse::visit(visitor, "server/global", global_);
  fedfuse::visit(visitor, "clients", spec_, state_);
  ranges_.visit(visitor, "server/sum_ranges");
  if (participation_ != nullptr) participation_->visit(visitor, "server/participation");
  if (is_buffered(config_.participation)) old_models_.visit(visitor, "server/old", global_);
  if (visitor.loads()) engine_->adopt(state_);
  if (views_ != nullptr) views_->visit(visitor, "server/views");
  if (teacher_ != nullptr) {
    for (const auto& [name, values] : teacher_->parameters())
      visitor.shared("server/teacher/" + name, values);
    visitor.matrix("server/preferences", preferences_);
    // a checkpoint of a program that kept names beyond the groups
    if (visitor.loads()) keep_groups_below(preferences_.rows);
    schedule_.visit(visitor, "server/distillation");
  }
  if (prior_ != nullptr) {
    for (const auto& [name, values] : prior_->parameters())
      visitor.shared("server/prior/" + name, values);
    schedule_.visit(visitor, "server/distillation");
  }
}

}  // namespace fedfuse
