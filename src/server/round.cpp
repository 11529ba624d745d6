// One federated round (models.md sections 2 to 4), step by step.
#include <algorithm>

#include "core/error.hpp"
#include "server/federation.hpp"

namespace fedfuse {

// What a round computes before it is committed. Client arrays have the shape of ClientState's, and
// hold new values at the rows of participants only.
struct Federation::Pass {
  std::int64_t round = 0;
  std::vector<std::int32_t> local;           // participants of this rank
  std::int64_t total = 0, total_weight = 0;  // over all ranks
  Distillation distillation;
  std::unique_ptr<RoundSums> sums;
  Trained trained;
  std::vector<std::int32_t> group;  // of each participant; -1: none
  std::unique_ptr<GroupSums> group_sums;
  RoundReport report;
};

RoundReport Federation::run_round(std::int64_t round) {
  Pass pass;
  pass.round = round;

  // 1. Who takes part, and with which soft labels.
  timer_.time(Phase::sampling, [&] {
    pass.local = sample_participants(config_, data_, round);
    std::int64_t weight = 0;
    for (const auto u : pass.local) weight += weight_of(spec_, data_, u);
    pass.total = comm_.sum(std::int64_t(pass.local.size()));
    pass.total_weight = std::max<std::int64_t>(1, comm_.sum(weight));
    pass.report.participants = pass.total;
    pass.report.lambda = preferences_.empty() ? 0.0 : schedule_.lambda(round);
    if (pass.report.lambda > 0)
      pass.distillation = {&preferences_, pass.report.lambda,
                           config_.gfmfr.distillation.on == DistillOn::negatives};
  });

  // 2. Everybody trains; updates are added up as they come. A round in which a client diverges
  // never happened.
  const auto failed = timer_.time(Phase::training, [&] { return train_participants(pass); });
  if (failed) {
    pass.report.failed_client = failed;
    return pass.report;
  }

  // 3. Sums over all ranks: the next table, or the gradients of the views; the shared head; the
  // losses.
  auto summed = timer_.time(Phase::aggregation, [&] { return aggregate(pass); });

  // 4. GFMFR: cluster the uploaded heads; then the group sums of the row updates (R10).
  if (spec_.has_teacher) timer_.time(Phase::grouping, [&] { group_participants(pass); });
  timer_.time(Phase::aggregation, [&] { revisit_participants(pass); });

  // 5. GFMFR: targets, fusion, preferences for the next round. Reads the table that the clients
  // started from.
  if (spec_.has_teacher) timer_.time(Phase::teacher, [&] { teach(pass); });

  // 6. The new state replaces the old; FedVLR steps its operators and sends new views.
  commit(pass, std::move(summed));

  const auto means = pass.sums->means();
  auto& report = pass.report;
  report.loss = means.loss;
  report.loss_recommendation = means.loss_recommendation;
  report.loss_distillation = means.loss_distillation;
  if (report.lambda > 0) schedule_.observe(means.loss_recommendation, means.loss_distillation);
  report.traffic =
      count_traffic(spec_, data_, views_ ? views_->operator_parameters() : 0, means.touched);
  report.upload_bytes = engine_->stored_bytes();
  return report;
}

RoundInputs Federation::inputs(const Pass& pass) const {
  return {pass.round, global_, state_, pass.distillation};
}

// Returns the least id of a client whose training is not finite; the same on all ranks.
std::optional<std::int64_t> Federation::train_participants(Pass& pass) {
  const auto n = std::int64_t(pass.local.size());
  pass.sums = std::make_unique<RoundSums>(spec_, data_.items, pass.total_weight, kernels_);
  auto& trained = pass.trained = engine_->room_for(spec_, n);
  std::optional<std::int64_t> failed;
  comm_.together([&] { failed = engine_->train(pass.local, inputs(pass), trained, *pass.sums); });
  return comm_.min(failed);
}

std::vector<Matrix<float>> Federation::aggregate(Pass& pass) const {
  engine_->reduce(*pass.sums, comm_);
  if (!spec_.rows_trained) return pass.sums->mean_view_gradients();
  std::vector<Matrix<float>> next;
  next.push_back(pass.sums->aggregated_table(global_.views.front()));
  return next;
}

void Federation::group_participants(Pass& pass) {
  std::vector<std::int32_t> ids, labels;
  for (const auto u : pass.local) {
    ids.push_back(data_.client_ids[std::size_t(u)]);
    labels.push_back(data_.label[std::size_t(u)]);
    pass.group.push_back(state_.group[std::size_t(u)]);
  }
  const bool regroup = preferences_.empty() || (pass.round - 1) % config_.gfmfr.regroup_every == 0;
  std::vector<std::int64_t> sizes;
  if (regroup) {
    Matrix<float> behaviour;
    if (!behaviour_.empty()) {
      behaviour = Matrix<float>(std::int64_t(pass.local.size()), behaviour_.cols);
      for (std::size_t p = 0; p < pass.local.size(); ++p)
        std::copy_n(behaviour_.row(pass.local[p]), behaviour_.cols, behaviour.row(std::int64_t(p)));
    }
    auto result = group_clients(
        config_, {behaviour_.empty() ? pass.trained.theta : behaviour, ids, pass.group, labels},
        pass.round, comm_, engine_->device(), kernels_);
    pass.group = result.group;
    sizes = result.sizes;
    pass.report.grouping = std::move(result);
  } else {  // members of this round in the groups that stand
    sizes.assign(std::size_t(preferences_.rows), 0);
    for (const auto l : pass.group)
      if (l >= 0) ++sizes[std::size_t(l)];
    comm_.sum(sizes);
  }
  pass.group_sums = std::make_unique<GroupSums>(spec_, data_.items, sizes, kernels_);
}

// Pass 2: group sums of row updates and heads, and the rows that stay on clients.
void Federation::revisit_participants(Pass& pass) {
  if (!spec_.has_second_pass()) return;
  const auto keep_rows = [&](std::int64_t local, const Upload& upload) {
    if (upload.overlay == nullptr) return;
    if (spec_.backbone.personal_rows) {
      state_.overlay.merge(local, upload.items, upload.overlay, upload.rho);
      if (!state_.base.empty()) state_.base_scale[std::size_t(local)] *= upload.rho;
    } else {
      state_.overlay.replace(local, upload.items, upload.overlay);
    }
  };
  std::int64_t refused = 0;
  comm_.together([&] {
    refused = engine_->revisit(pass.local, inputs(pass), pass.group, pass.trained,
                               pass.group_sums.get(), keep_rows);
  });
  FEDFUSE_CHECK(comm_.sum(refused) == 0, "an update passed the round's sum but not its group's");
  if (spec_.has_teacher) engine_->reduce(*pass.group_sums, comm_);
}

void Federation::teach(Pass& pass) {
  pass.report.teacher_loss = teacher_->train(pass.group_sums->targets(global_), pass.round, comm_);
  preferences_ = teacher_->preference(pass.group_sums->last_weights(global_),
                                      pass.group_sums->last_biases(global_), comm_);
}

void Federation::commit(Pass& pass, std::vector<Matrix<float>>&& summed) {
  timer_.time(Phase::commit, [&] {
    engine_->commit(pass.local, pass.trained, state_);
    if (spec_.has_teacher)
      for (std::size_t p = 0; p < pass.local.size(); ++p)
        state_.group[std::size_t(pass.local[p])] = pass.group[p];
    if (spec_.shares_head) global_.theta = pass.sums->mean_theta();
    if (spec_.rows_trained) global_.views = std::move(summed);
  });
  if (spec_.rows_trained) return;
  timer_.time(Phase::views, [&] {
    views_->backward_and_step(summed, comm_);
    views_->forward(global_.views, comm_);
  });
}

}  // namespace fedfuse
