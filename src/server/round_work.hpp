#pragma once
// Inside Federation: one round on its way.
#include <cstdint>
#include <memory>
#include <vector>

#include "server/federation.hpp"

namespace fedfuse {

// What a round computes before it is committed. Client arrays have the shape of ClientState's, and
// hold new values at the rows of participants only.
struct Federation::RoundWork {
  std::int64_t round = 0;
  std::vector<std::int32_t> local;           // participants of this rank
  std::vector<Start> starts;                 // of each; empty: from the model as it stands
  std::int64_t total = 0, total_weight = 0;  // over all ranks
  bool stands = false;                       // nothing came: the model stays
  bool groups_stand = false;                 // R15: `group` is known before anybody trains
  Distillation distillation;
  SumRanges ranges;  // of all sums below
  std::unique_ptr<RoundSums> sums;
  std::vector<Matrix<float>>
      summed;                       // the next table; or the views' gradients, then the next views
  Array<float> theta;               // the next shared head
  std::vector<std::int32_t> group;  // of each participant; -1: none
  std::vector<std::int64_t> group_sizes;
  Matrix<float> group_weights;  // G x d: w_l, where groups sum scores
  std::unique_ptr<GroupSums> group_sums;
  Matrix<float> preferences;  // for the next round
  Matrix<float> prior;        // logits for the next round
  Stop stop;
  RoundReport report;
};

}  // namespace fedfuse
