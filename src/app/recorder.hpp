#pragma once
// Turns what a round and an evaluation report into rows of the record. Every rank keeps the same
// record; only numbers that are the same on all ranks go in. Collective.
#include <array>
#include <optional>

#include "core/comm.hpp"
#include "data/dataset.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/score_rows.hpp"
#include "privacy/accountant.hpp"
#include "results/record.hpp"
#include "server/federation.hpp"

namespace fedfuse {

struct RoundEvaluation {
  Evaluation model;
  std::optional<Evaluation> teacher;  // its preferences alone, ranked for the clients of each group
  // ER@K of the attacked item
  std::optional<std::array<double, cutoffs.size()>> exposure;
  LocalRanks ranks;  // of the clients of this rank
};

class Recorder {
 public:
  Recorder(const Config& config, const Dataset& data, const Comm& comm, int threads,
           double start_seconds);

  void baselines(const Baselines& baselines);
  // Whether any client has a validation item that is ranked; after baselines().
  [[nodiscard]] bool has_validation() const;
  void begin_round(const Federation& federation);
  void round(std::int64_t round, const RoundReport& report, const Federation& federation,
             const std::optional<RoundEvaluation>& evaluation);
  // The model of this evaluation is the one that is quoted: the clients by their activity, and by
  // their devices. Collective.
  void quoted(const RoundEvaluation& evaluation);
  void quoted(const RoundEvaluation& evaluation, const Participation& participation);
  // Of the last round, which was recorded without.
  void evaluated(const RoundEvaluation& evaluation);
  void finish(const Federation& federation);  // the facts of the whole run so far
  // the record of the rounds so far, and what finish() needs of them
  void visit(StateVisitor& visitor);

  RunRecord record;

 private:
  void groups(std::int64_t round, const RoundReport& report, const Federation& federation);
  void device(const EngineFacts& engine);
  void encoders(const Federation& federation);
  void privacy(std::int64_t round, const RoundReport& report);
  void clock(const Selection& selection, const Federation& federation);
  void finish_clock(const Participation& participation);
  void secure(const SecureReport& report);
  void finish_secure(const SecureSum& secure);
  // Of clients apart, whose columns begin with prefix.
  static void quality(Table& table, const std::string& prefix, const Evaluation& evaluation);
  static double sum_of(const Table& table, const char* column);  // over the rounds; 0 without it
  void start_privacy();
  void finish_privacy();
  void work(const Federation& federation, const Moved& moved, std::int64_t evaluation_flop);
  void finish_work(const Federation& federation);
  void time(std::int64_t round, const RoundReport& report, const Federation& federation,
            double in_mpi);
  const Dataset& data_;
  const Comm& comm_;
  std::optional<Accountant> accountant_;  // of a run with noise
  // before_: seconds of the program runs that this one resumes
  double start_, before_ = 0, setup_ = 0, training_seconds_ = 0;
  std::int64_t client_rounds_ = 0, upload_bytes_ = 0;
  Moved moved_before_, moved_;  // before the round, and in all rounds since the start
  Work work_before_, work_;
  std::int64_t counted_rounds_ = 0;
};

}  // namespace fedfuse
