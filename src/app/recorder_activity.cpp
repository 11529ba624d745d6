// The part of the record that tells of clients apart, by their activity.
#include <limits>

#include "app/recorder.hpp"
#include "evaluation/activity.hpp"
#include "evaluation/kinds.hpp"

namespace fedfuse {

void Recorder::quoted(const RoundEvaluation& evaluation) {
  const auto group = activity_of(data_);
  std::vector<std::int64_t> clients(std::size_t{activity_groups}, 0);
  for (const auto g : group) ++clients[std::size_t(g)];
  comm_.sum(clients);
  const auto of_groups = metrics_of_kinds(evaluation.ranks, data_, group, activity_groups, comm_);
  auto& table = record.activity;
  table = {};
  for (std::size_t g = 0; g < of_groups.size(); ++g) {
    if (clients[g] == 0) continue;
    const bool last = g == activity_bounds.size();
    table.begin_row();
    table.set("activity_least", g == 0 ? 1.0 : double(activity_bounds[g - 1] + 1));
    table.set("activity_most",
              last ? std::numeric_limits<double>::quiet_NaN() : double(activity_bounds[g]));
    table.set("activity_clients", double(clients[g]));
    quality(table, "activity", of_groups[g]);
  }
}

void Recorder::quality(Table& table, const std::string& prefix, const Evaluation& evaluation) {
  constexpr std::size_t at_50 = 2;  // of cutoffs
  table.set(prefix + "_valid_hr_50", evaluation.valid.all.hr[at_50]);
  table.set(prefix + "_valid_ndcg_50", evaluation.valid.all.ndcg[at_50]);
  table.set(prefix + "_test_clients", double(evaluation.test.all.clients));
  table.set(prefix + "_test_hr_50", evaluation.test.all.hr[at_50]);
  table.set(prefix + "_test_ndcg_50", evaluation.test.all.ndcg[at_50]);
}

}  // namespace fedfuse
