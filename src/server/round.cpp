// One federated round (models.md sections 2 to 4), step by step.
#include <algorithm>

#include "clients/shares.hpp"
#include "core/error.hpp"
#include "core/finite.hpp"
#include "server/round_work.hpp"
#include "server/server_diverged.hpp"
#include "server/upload_ids.hpp"

namespace fedfuse {

RoundReport Federation::run_round(std::int64_t round, const Stop& stop) {
  RoundWork work;
  work.round = round;
  work.stop = stop;
  work.ranges = ranges_;

  // 1. The participants, and their soft labels.
  timer_.time(Phase::sampling, [&] {
    work.local = participants(round, work.report);
    work.starts = starts(round, work.report);
    std::int64_t weight = 0;
    for (const auto u : work.local) weight += weight_of(spec_, data_, u);
    work.total = comm_.sum(std::int64_t(work.local.size()));
    work.total_weight = comm_.sum(weight);
    work.stands = work.total_weight == 0 && !adds_noise(config_.privacy);
    work.report.participants = work.total;
    distil(work);
  });
  if (work.report.stands()) return nobody_trains(std::move(work.report));

  // 2. Everybody trains; updates are added up as they come. A round in which a client or the server
  // diverges never happened: nothing that lasts changes before step 7. An update beyond the range
  // of the sums raises it, and everybody trains again. Groups that stand add up their sums at once.
  work.groups_stand = groups_stand(round);
  if (work.groups_stand) timer_.time(Phase::grouping, [&] { take_standing_groups(work); });
  if (!timer_.time(Phase::training,
                   [&] { return fits(work, [&] { return train_participants(work); }); }))
    return work.report;

  // 3. Sums over all ranks, which masks must not change; with noise where it is asked for: the next
  // table, or the gradients of the views; the shared head; the losses.
  timer_.time(Phase::aggregation, [&] { engine_->reduce(*work.sums, comm_); });
  if (secure_ != nullptr)
    secure_->check(work.local, inputs(work), *work.sums, comm_, *work.report.secure);
  timer_.time(Phase::aggregation, [&] { aggregate(work); });

  // 4. GFMFR: cluster the uploaded heads; then the group sums of the row updates (R10, R15).
  if (spec_.has_teacher) {
    if (!work.groups_stand) {
      timer_.time(Phase::grouping, [&] { group_participants(work); });
      if (!timer_.time(Phase::aggregation,
                       [&] { return fits(work, [&] { return add_to_groups(work); }); }))
        return work.report;
    }
    timer_.time(Phase::aggregation, [&] { engine_->reduce(*work.group_sums, comm_); });
  }

  // 5. GFMFR: targets, fusion, preferences for the next round. Reads the table that the clients
  // started from. Group prior: its teacher's steps on sums of interactions. 6. FedVLR steps its
  // operators and makes new views.
  step_server(work);

  // What the uploads of this round tell, for the record.
  if (probe_ != nullptr) work.report.probe = probe_->read(work.local, inputs(work), comm_);

  // 7. The new state replaces the old.
  commit(work);

  const auto means = work.sums->means();
  auto& report = work.report;
  report.norms = work.sums->norms();
  report.loss = means.loss;
  report.loss_recommendation = means.loss_recommendation;
  report.loss_distillation = means.loss_distillation;
  if (report.lambda > 0) schedule_.observe(means.loss_recommendation, means.loss_distillation);
  report.traffic = count_traffic(spec_, data_, views_ ? views_->operator_parameters() : 0,
                                 rows_sent(config_, means.touched, data_.items));
  report.upload_bytes = engine_->stored_bytes();
  return report;
}

// What the clients of the round learn from beside their data.
void Federation::distil(RoundWork& work) {
  const bool labelled = !preferences_.empty() || (!global_.prior.empty() && !spec_.prior_in_score);
  work.report.lambda = labelled ? schedule_.lambda(work.round) : 0.0;
  auto& distillation = work.distillation;
  if (work.report.lambda > 0) {
    distillation.preferences = preferences_.empty() ? nullptr : &preferences_;
    distillation.lambda = work.report.lambda;
    distillation.negatives_only = config_.gfmfr.distillation.on == DistillOn::negatives;
  }
  if (!global_.prior.empty() && (spec_.prior_in_score || work.report.lambda > 0))
    distillation.prior = {&global_.prior, &state_.shares, config_.prior.use};
}

RoundInputs Federation::inputs(const RoundWork& work) const {
  return {work.round, global_, state_, work.distillation, work.stop, work.starts};
}

// Makes the pass until its sums take every client of all ranks, each time with the ranges that the
// last one asked for. False, and the report names a client, when no range helps: a value is not
// finite, or beyond every range. The same on all ranks.
bool Federation::fits(RoundWork& work, const std::function<Misfit()>& pass) {
  auto& report = work.report;
  for (;;) {
    Misfit mine;
    comm_.together([&] { mine = pass(); });
    const auto misfit = agreed(mine, comm_);
    if (!misfit.any()) return true;
    if (misfit.not_finite || misfit.too_large) {
      report.failed_client = misfit.not_finite ? misfit.not_finite : misfit.too_large;
      const auto most = std::ranges::max_element(misfit.largest);
      report.too_large = misfit.not_finite ? 0.0 : *most;
      report.too_large_kind = SumKind(most - misfit.largest.begin());
      return false;
    }
    const auto rises = work.ranges.raise(misfit);
    FEDFUSE_CHECK(!rises.empty(), "a client that does not fit names a value");
    report.rises.insert(report.rises.end(), rises.begin(), rises.end());
  }
}

Misfit Federation::train_participants(RoundWork& work) {
  const auto n = std::int64_t(work.local.size());
  const auto weight = weight_of_round(config_, spec_, data_, work.total_weight);
  work.sums.reset();
  work.sums = std::make_unique<RoundSums>(spec_, data_.items, weight, kernels_, work.ranges);
  work.sums->defend(config_.attack, kernels_.row_statistic);
  if (sums_to_owners()) work.sums->to_owners({data_.items, comm_});
  engine_->make_room(spec_, n, trained_);
  if (!work.groups_stand) return engine_->train(work.local, inputs(work), trained_, *work.sums);
  new_group_sums(work);
  return engine_->train_in_groups(work.local, inputs(work), work.group, trained_, *work.sums,
                                  *work.group_sums);
}

void Federation::aggregate(RoundWork& work) {
  if (adds_noise(config_.privacy)) work.sums->add_noise(noise_of(work.round));
  if (work.stands) {  // a mean over no interaction
    work.summed = global_.views;
    work.theta = global_.theta;
    work.sums->release_rows();
    return;
  }
  if (spec_.rows_trained)
    work.summed.push_back(
        work.sums->aggregated_table(global_.views.front(), item_server_rate(config_)));
  else
    work.summed = work.sums->mean_view_gradients();
  decoded_ += work.sums->decoded();
  const auto [first, count] = work.sums->held();
  const auto is_finite = [&](const Matrix<float>& m) {
    return all_finite(std::span(m.row(first), std::size_t(count * m.cols)));
  };
  if (spec_.shares_head) work.theta = work.sums->mean_theta(global_.theta);
  const bool finite = all_finite(work.theta) && std::ranges::all_of(work.summed, is_finite);
  throw_if_diverged(!finite, comm_, "the server's aggregation",
                    "the shared item table or the shared head is not finite",
                    "lower --lr, --lr-items or --weight-decay");
  if (spec_.rows_trained) work.sums->complete(work.summed.front(), comm_);
  work.sums->release_rows();
}

// Whatever it throws, teacher and views are what they were.
void Federation::step_server(RoundWork& work) {
  if (spec_.has_teacher) teacher_->remember();
  if (prior_ != nullptr) prior_->remember();
  try {
    if (spec_.has_teacher || prior_ != nullptr) timer_.time(Phase::teacher, [&] { teach(work); });
    if (!spec_.rows_trained && !work.stands)
      timer_.time(Phase::views, [&] { views_->step_to_next_views(work.summed); });
  } catch (...) {
    if (spec_.has_teacher) teacher_->undo();
    if (prior_ != nullptr) prior_->undo();
    throw;
  }
}

void Federation::teach(RoundWork& work) {
  if (prior_ != nullptr) {
    auto taught = prior_->teach(work.local, work.total, state_.shares, comm_, work.stop);
    work.report.teacher_loss = taught.loss;
    work.prior = std::move(taught.logits);
    return;
  }
  auto taught = teacher_->teach(*work.group_sums, global_, work.round, comm_, work.stop);
  work.report.teacher_loss = taught.loss;
  work.preferences = std::move(taught.preferences);
  decoded_ += work.group_sums->decoded();
  work.group_sums.reset();
  throw_if_diverged(!all_finite(work.preferences.span()), comm_, "the teacher",
                    "a group's preference is not finite", "lower --teacher-lr or --lr");
}

void Federation::commit(RoundWork& work) {
  work.stop = {};
  if (spec_.has_overlay()) timer_.time(Phase::aggregation, [&] { keep_rows(work); });
  timer_.time(Phase::commit, [&] {
    engine_->commit(work.local, trained_, state_);
    if (spec_.has_teacher) {
      keep_groups_below(std::int64_t(work.group_sizes.size()));
      for (std::size_t p = 0; p < work.local.size(); ++p)
        state_.group[std::size_t(work.local[p])] = work.group[p];
      preferences_ = std::move(work.preferences);
    }
    ranges_ = work.ranges;
    if (participation_ != nullptr) participation_->pass(*work.report.selection);
    keep_old_model(work.round);
    if (spec_.shares_head) global_.theta = std::move(work.theta);
    global_.views = std::move(work.summed);
    if (prior_ != nullptr) commit_prior(work);
  });
}

// Every client finds its shares anew, whether it took part or not: it needs its own data only.
void Federation::commit_prior(RoundWork& work) {
  global_.prior = std::move(work.prior);
  if (config_.prior.shares == PriorShares::soft)
    compute_shares(global_.prior, data_, state_.shares);
}

// The rows that stay on clients.
void Federation::keep_rows(RoundWork& work) {
  const auto keep = [&](std::int64_t local, const Upload& upload) {
    if (upload.overlay == nullptr) return;
    if (spec_.backbone.personal_rows) {
      state_.overlay.merge(local, upload.items, upload.overlay, upload.rho);
      if (!state_.base.empty()) state_.base_scale[std::size_t(local)] *= upload.rho;
    } else {
      state_.overlay.replace(local, upload.items, upload.overlay);
    }
  };
  comm_.together([&] { engine_->keep_rows(work.local, inputs(work), keep); });
}

}  // namespace fedfuse
