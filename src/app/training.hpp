#pragma once
// One run of `fedfuse train`: rounds, evaluations, the record, and what makes it survive an end in
// the middle.
#include <optional>
#include <string>
#include <vector>

#include "app/checkpoints.hpp"
#include "app/recorder.hpp"
#include "app/run_outputs.hpp"
#include "app/time_budget.hpp"
#include "app/train.hpp"
#include "evaluation/exposure.hpp"
#include "evaluation/protocol.hpp"
#include "server/federation.hpp"

namespace fedfuse {

class Training {
 public:
  // start: now_seconds() at the program's begin. outputs must outlive this. quiet: no progress.
  // Collective, as everything here.
  Training(const Config& config, const std::vector<std::string>& argv, const Comm& comm,
           double start, RunOutputs& outputs, bool quiet);
  Ending run();
  void print_summary() const;

 private:
  // A model as it stood after a round.
  struct Snapshot {
    std::int64_t round = 0;
    GlobalModel global;
    ClientState state;
    Matrix<float> preferences, embeddings;
  };

  Ending all_rounds();
  std::int64_t resume();  // the last round that is done
  void make_up(std::int64_t round);
  bool one_round(std::int64_t round);
  RoundReport train_round(std::int64_t round);
  std::optional<RoundEvaluation> evaluate_round(std::int64_t round, const Stop& stop);
  void need_something_to_watch() const;
  bool judge(std::int64_t round, const RoundEvaluation& evaluation);
  void quote(std::int64_t round, const RoundEvaluation& evaluation);
  void keep_best(std::int64_t done);
  void take_snapshot(std::int64_t round);
  void visit(StateVisitor& visitor);
  void write_between_rounds(std::int64_t round);
  void save_checkpoint(std::int64_t round, bool needed);
  [[nodiscard]] std::string asked_to_stop() const;
  Ending interrupt(std::int64_t done, const std::string& why);
  void save();
  [[noreturn]] void fail_at_client(std::int64_t round, const RoundReport& report);
  // problem: what diverged in the round
  [[noreturn]] void fail(std::int64_t round, const std::string& problem, const std::string& why,
                         const std::string& what_to_do);

  const Config& config_;
  const bool quiet_;
  const Comm& comm_;
  RunOutputs& outputs_;
  int threads_;
  Dataset data_;
  Recorder recorder_;
  Federation federation_;
  EvaluationProtocol protocol_;
  std::optional<Exposure> exposure_;  // of a run with an attacked item
  Checkpoints checkpoints_;
  TimeBudget budget_;
  std::optional<Snapshot> snapshot_;  // the best round's model, once a later round replaced it
  double best_ = -1;                  // validation NDCG@50 of the best round
  std::int64_t owed_ = 0;             // the round whose evaluation a signal has cut off; 0: none
};

}  // namespace fedfuse
