// GFMFR's groups in a round: who is in which, and the sums of each.
#include <algorithm>

#include "server/round_work.hpp"

namespace fedfuse {

// R15: nobody is grouped in this round, so each client's group is known before it trains. Scores
// wait for the members' mean heads, and a device sums groups in a pass of its own.
bool Federation::groups_stand(std::int64_t round) const {
  return spec_.has_teacher && !regroups(round) && !spec_.group_scores &&
         engine_->trains_in_groups();
}

bool Federation::regroups(std::int64_t round) const {
  return preferences_.empty() || (round - 1) % config_.gfmfr.regroup_every == 0;
}

// Of the participants, as they were before the round.
void Federation::read_groups(RoundWork& work) const {
  for (const auto u : work.local) work.group.push_back(state_.group[std::size_t(u)]);
}

// The members of this round in the groups that stand.
void Federation::count_members(RoundWork& work) const {
  work.group_sizes.assign(std::size_t(preferences_.rows), 0);
  for (const auto l : work.group)
    if (l >= 0) ++work.group_sizes[std::size_t(l)];
  comm_.sum(work.group_sizes);
}

void Federation::take_standing_groups(RoundWork& work) {
  read_groups(work);
  count_members(work);
}

void Federation::group_participants(RoundWork& work) {
  std::vector<std::int32_t> ids, labels;
  for (const auto u : work.local) {
    ids.push_back(data_.client_ids[std::size_t(u)]);
    labels.push_back(data_.label[std::size_t(u)]);
  }
  read_groups(work);
  auto& sizes = work.group_sizes;
  if (regroups(work.round)) {
    Matrix<float> behaviour;
    if (!behaviour_.empty()) {
      behaviour = Matrix<float>(std::int64_t(work.local.size()), behaviour_.cols);
      for (std::size_t p = 0; p < work.local.size(); ++p)
        std::copy_n(behaviour_.row(work.local[p]), behaviour_.cols, behaviour.row(std::int64_t(p)));
    }
    auto result = group_clients(
        config_, {behaviour_.empty() ? trained_.theta : behaviour, ids, work.group, labels},
        work.round, comm_, engine_->device(), kernels_);
    work.group = result.group;
    sizes = result.sizes;
    work.report.grouping = std::move(result);
  } else {
    count_members(work);
  }
  if (spec_.group_scores)
    work.group_weights =
        mean_last_weights(spec_, global_, sizes, work.group, trained_.theta, work.ranges, comm_);
}

void Federation::new_group_sums(RoundWork& work) const {
  work.group_sums.reset();
  work.group_sums =
      std::make_unique<GroupSums>(spec_, data_.items, work.group_sizes, kernels_, work.ranges,
                                  work.group_weights, engine_->group_rows());
  if (teacher_->reads_own_rows()) work.group_sums->to_owners({data_.items, comm_});
}

// The second pass: group sums of row updates and heads. Rows that clients train have passed the
// round's sums; a virtual update is a rate times the sum of J gradients that have, and may be
// larger.
Misfit Federation::add_to_groups(RoundWork& work) {
  new_group_sums(work);
  return engine_->add_to_groups(work.local, inputs(work), work.group, trained_, *work.group_sums);
}

}  // namespace fedfuse
