// Which round of a run is the best, and whether there is one.
#include <algorithm>

#include "app/training.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "results/curve.hpp"

namespace fedfuse {

// Without a validation item there is no quality that could stop improving.
void Training::need_something_to_watch() const {
  const auto patience = config_.evaluation.patience;
  if (patience == 0 || recorder_.has_validation()) return;
  throw InputError(
      cat("--patience ", patience),
      "no client has a validation item that is ranked, so no validation NDCG@50 exists",
      "leave --patience out, or use a data set with validation items");
}

// Keeps score of the best round. The mean over an empty set is no score: then no round is the best,
// and the model is that of the last one. Patience does not count a plateau of the first rounds: the
// best round is sought from round 1, but an evaluation counts against it only after
// --patience-after. The count comes from the record, which a checkpoint holds.
bool Training::judge(std::int64_t round, const RoundEvaluation& evaluation) {
  auto& record = recorder_.record;
  if (evaluation.model.valid.all.clients == 0) return false;
  const double ndcg = evaluation.model.valid.all.ndcg[2];
  if (record.best_round == 0 || ndcg > best_) {
    best_ = ndcg;
    record.best_round = round;
    record.facts["best_valid_ndcg_50"] = ndcg;
    return false;
  }
  const auto& limits = config_.evaluation;
  if (limits.patience == 0) return false;
  if (evaluations_since_best(record, limits.patience_after) < limits.patience) return false;
  record.status = RunStatus::stopped_early;
  record.status_text =
      cat("no better validation NDCG@50 in ", limits.patience, " evaluations after round ",
          std::max(record.best_round, limits.patience_after));
  return true;
}

}  // namespace fedfuse
