// One federated round (models.md sections 2 to 4), step by step.
#include <algorithm>

#include "core/error.hpp"
#include "server/federation.hpp"

namespace fedfuse {

// What a round computes before it is committed. Client arrays have the shape of ClientState's, and
// hold new values at the rows of participants only.
struct Federation::RoundWork {
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
  RoundWork work;
  work.round = round;

  // 1. The participants, and their soft labels.
  timer_.time(Phase::sampling, [&] {
    work.local = sample_participants(config_, data_, round);
    std::int64_t weight = 0;
    for (const auto u : work.local) weight += weight_of(spec_, data_, u);
    work.total = comm_.sum(std::int64_t(work.local.size()));
    work.total_weight = std::max<std::int64_t>(1, comm_.sum(weight));
    work.report.participants = work.total;
    work.report.lambda = preferences_.empty() ? 0.0 : schedule_.lambda(round);
    if (work.report.lambda > 0)
      work.distillation = {&preferences_, work.report.lambda,
                           config_.gfmfr.distillation.on == DistillOn::negatives};
  });

  // 2. Everybody trains; updates are added up as they come. A round in which a client diverges
  // never happened.
  const auto failed = timer_.time(Phase::training, [&] { return train_participants(work); });
  if (failed) {
    work.report.failed_client = failed;
    return work.report;
  }

  // 3. Sums over all ranks: the next table, or the gradients of the views; the shared head; the
  // losses.
  auto summed = timer_.time(Phase::aggregation, [&] { return aggregate(work); });

  // 4. GFMFR: cluster the uploaded heads; then the group sums of the row updates (R10).
  if (spec_.has_teacher) timer_.time(Phase::grouping, [&] { group_participants(work); });
  timer_.time(Phase::aggregation, [&] { revisit_participants(work); });

  // 5. GFMFR: targets, fusion, preferences for the next round. Reads the table that the clients
  // started from.
  if (spec_.has_teacher) timer_.time(Phase::teacher, [&] { teach(work); });

  // 6. The new state replaces the old; FedVLR steps its operators and sends new views.
  commit(work, std::move(summed));

  const auto means = work.sums->means();
  auto& report = work.report;
  report.loss = means.loss;
  report.loss_recommendation = means.loss_recommendation;
  report.loss_distillation = means.loss_distillation;
  if (report.lambda > 0) schedule_.observe(means.loss_recommendation, means.loss_distillation);
  report.traffic =
      count_traffic(spec_, data_, views_ ? views_->operator_parameters() : 0, means.touched);
  report.upload_bytes = engine_->stored_bytes();
  return report;
}

RoundInputs Federation::inputs(const RoundWork& work) const {
  return {work.round, global_, state_, work.distillation};
}

// Returns the least id of a client whose training is not finite; the same on all ranks.
std::optional<std::int64_t> Federation::train_participants(RoundWork& work) {
  const auto n = std::int64_t(work.local.size());
  work.sums = std::make_unique<RoundSums>(spec_, data_.items, work.total_weight, kernels_);
  auto& trained = work.trained = engine_->allocate_trained(spec_, n);
  std::optional<std::int64_t> failed;
  comm_.together([&] { failed = engine_->train(work.local, inputs(work), trained, *work.sums); });
  return comm_.min(failed);
}

std::vector<Matrix<float>> Federation::aggregate(RoundWork& work) const {
  engine_->reduce(*work.sums, comm_);
  if (!spec_.rows_trained) return work.sums->mean_view_gradients();
  std::vector<Matrix<float>> next;
  next.push_back(work.sums->aggregated_table(global_.views.front()));
  return next;
}

void Federation::group_participants(RoundWork& work) {
  std::vector<std::int32_t> ids, labels;
  for (const auto u : work.local) {
    ids.push_back(data_.client_ids[std::size_t(u)]);
    labels.push_back(data_.label[std::size_t(u)]);
    work.group.push_back(state_.group[std::size_t(u)]);
  }
  const bool regroup = preferences_.empty() || (work.round - 1) % config_.gfmfr.regroup_every == 0;
  std::vector<std::int64_t> sizes;
  if (regroup) {
    Matrix<float> behaviour;
    if (!behaviour_.empty()) {
      behaviour = Matrix<float>(std::int64_t(work.local.size()), behaviour_.cols);
      for (std::size_t p = 0; p < work.local.size(); ++p)
        std::copy_n(behaviour_.row(work.local[p]), behaviour_.cols, behaviour.row(std::int64_t(p)));
    }
    auto result = group_clients(
        config_, {behaviour_.empty() ? work.trained.theta : behaviour, ids, work.group, labels},
        work.round, comm_, engine_->device(), kernels_);
    work.group = result.group;
    sizes = result.sizes;
    work.report.grouping = std::move(result);
  } else {  // members of this round in the groups that stand
    sizes.assign(std::size_t(preferences_.rows), 0);
    for (const auto l : work.group)
      if (l >= 0) ++sizes[std::size_t(l)];
    comm_.sum(sizes);
  }
  work.group_sums = std::make_unique<GroupSums>(spec_, data_.items, sizes, kernels_);
}

// The second pass: group sums of row updates and heads, and the rows that stay on clients.
void Federation::revisit_participants(RoundWork& work) {
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
    refused = engine_->revisit(work.local, inputs(work), work.group, work.trained,
                               work.group_sums.get(), keep_rows);
  });
  FEDFUSE_CHECK(comm_.sum(refused) == 0, "an update passed the round's sum but not its group's");
  if (spec_.has_teacher) engine_->reduce(*work.group_sums, comm_);
}

void Federation::teach(RoundWork& work) {
  work.report.teacher_loss = teacher_->train(work.group_sums->targets(global_), work.round, comm_);
  preferences_ = teacher_->preference(work.group_sums->last_weights(global_),
                                      work.group_sums->last_biases(global_), comm_);
}

void Federation::commit(RoundWork& work, std::vector<Matrix<float>>&& summed) {
  timer_.time(Phase::commit, [&] {
    engine_->commit(work.local, work.trained, state_);
    if (spec_.has_teacher)
      for (std::size_t p = 0; p < work.local.size(); ++p)
        state_.group[std::size_t(work.local[p])] = work.group[p];
    if (spec_.shares_head) global_.theta = work.sums->mean_theta();
    if (spec_.rows_trained) global_.views = std::move(summed);
  });
  if (spec_.rows_trained) return;
  timer_.time(Phase::views, [&] {
    views_->backward_and_step(summed, comm_);
    views_->forward(global_.views, comm_);
  });
}

}  // namespace fedfuse
