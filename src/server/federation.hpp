#pragma once
// The federation: the server's state, this rank's clients, and one verb, run_round (round.cpp: read
// it and you have read the program). A round is a transaction: it either completes on all ranks, or
// leaves the state before it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/local_round.hpp"
#include "clients/state.hpp"
#include "clients/state_visitor.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/stop.hpp"
#include "core/timer.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "server/distillation.hpp"
#include "server/engine.hpp"
#include "server/group_prior.hpp"
#include "server/grouping.hpp"
#include "server/item_views.hpp"
#include "server/old_models.hpp"
#include "server/participation.hpp"
#include "server/probe.hpp"
#include "server/secure_sum.hpp"
#include "server/server_teacher.hpp"
#include "server/sum_ranges.hpp"
#include "server/traffic.hpp"
#include "server/work.hpp"

namespace fedfuse {

struct RoundReport {
  std::int64_t participants = 0;                                    // over all ranks
  double loss = 0, loss_recommendation = 0, loss_distillation = 0;  // means over participants
  double lambda = 0, teacher_loss = 0;
  std::optional<ProbeReport> probe;
  std::optional<Selection> selection;  // with simulated devices; its lists of clients are empty
  std::optional<SecureReport> secure;  // with --secure-sum
  UploadNorms::Summary norms{};        // of the uploads before --clip; NaN without it
  Traffic traffic;
  std::int64_t upload_bytes = 0;           // stored on this rank for the second pass
  std::optional<GroupingResult> grouping;  // when clients were grouped in this round
  // the least one whose loss, update or state was not finite, or beyond every range of a sum: then
  // the state is that before the round
  std::optional<std::int64_t> failed_client;
  // 0: it was not finite; else its kind of number, and the largest |x| of all clients
  double too_large = 0;
  SumKind too_large_kind = SumKind::rows;
  std::vector<SumRanges::Rise> rises;  // in this round

  // Too few came: for a round, or to take their masks off.
  [[nodiscard]] bool stands() const {
    return (selection && selection->stands) || (secure && secure->refused);
  }
};

class Federation {
 public:
  Federation(const Config& config, const Dataset& data, const Comm& comm, int threads,
             const Kernels& kernels = {});

  Federation(const Federation&) = delete;  // its parts refer to each other
  Federation& operator=(const Federation&) = delete;
  ~Federation() = default;

  // ServerDiverged: what the server made of the updates is not finite. Stopped, on all ranks, once
  // stop asks on one of them before the commit. After both, the state is that before the round.
  RoundReport run_round(std::int64_t round, const Stop& stop = {});

  // Everything that the next round depends on and the constructor does not make again.
  void visit(StateVisitor& visitor);

  [[nodiscard]] const ModelSpec& spec() const { return spec_; }
  [[nodiscard]] const GlobalModel& global() const { return global_; }
  // as of now; asked for again after another round: it may have to come from a device
  [[nodiscard]] const ClientState& state() const;
  // of each client; always the host's
  [[nodiscard]] const std::vector<std::int32_t>& groups() const { return state_.group; }
  // G x M; empty without a teacher, or before it spoke
  [[nodiscard]] const Matrix<float>& preferences() const { return preferences_; }
  [[nodiscard]] const ServerTeacher* teacher() const { return teacher_.get(); }
  // null: rows are trained on clients
  [[nodiscard]] const ItemViews* views() const { return views_.get(); }
  // null without simulated devices
  [[nodiscard]] const Participation* participation() const { return participation_.get(); }
  [[nodiscard]] const OldModels& old_models() const { return old_models_; }  // with --async
  // null without --secure-sum
  [[nodiscard]] const SecureSum* secure_sum() const { return secure_.get(); }
  [[nodiscard]] const Engine& engine() const { return *engine_; }
  [[nodiscard]] const PhaseTimer& timer() const { return timer_; }
  [[nodiscard]] PhaseTimer& timer() { return timer_; }
  // Gives back the memory of what clients train, which the next round would use again.
  void release_room() { trained_ = {}; }
  // Of this rank in all rounds so far, without evaluations.
  [[nodiscard]] Work work() const;
  // of the sums of the rounds so far
  [[nodiscard]] const SumRanges& sum_ranges() const { return ranges_; }

 private:
  struct RoundWork;  // what one round computes before it is committed
  [[nodiscard]] std::vector<std::int32_t> participants(std::int64_t round, RoundReport& report);
  [[nodiscard]] std::vector<Start> starts(std::int64_t round, const RoundReport& report) const;
  [[nodiscard]] RoundReport nobody_trains(RoundReport report);
  [[nodiscard]] bool fits(RoundWork& work, const std::function<Misfit()>& pass);
  [[nodiscard]] Misfit train_participants(RoundWork& work);
  [[nodiscard]] bool sums_to_owners() const;
  void aggregate(RoundWork& work);
  [[nodiscard]] SumNoise noise_of(std::int64_t round) const;
  [[nodiscard]] bool groups_stand(std::int64_t round) const;
  [[nodiscard]] bool regroups(std::int64_t round) const;
  void read_groups(RoundWork& work) const;
  void count_members(RoundWork& work) const;
  void take_standing_groups(RoundWork& work);
  void new_group_sums(RoundWork& work) const;
  void group_participants(RoundWork& work);
  [[nodiscard]] Misfit add_to_groups(RoundWork& work);
  void step_server(RoundWork& work);
  void teach(RoundWork& work);
  void distil(RoundWork& work);
  void commit_prior(RoundWork& work);
  void keep_old_model(std::int64_t round);
  void commit(RoundWork& work);
  void keep_rows(RoundWork& work);
  void keep_groups_below(std::int64_t groups);
  [[nodiscard]] RoundInputs inputs(const RoundWork& work) const;

  const Config config_;
  const Kernels kernels_;  // of the CPU
  const Dataset& data_;
  Comm comm_;
  ModelSpec spec_;
  GlobalModel global_;
  mutable ClientState state_;  // the host's copy, behind the engine's where that holds the state
  std::unique_ptr<Engine> engine_;
  Trained trained_;  // what a round trains, before it is committed; room for the next one
  std::unique_ptr<ItemViews> views_;              // null: rows are trained on clients
  std::unique_ptr<ServerTeacher> teacher_;        // null without GFMFR
  std::unique_ptr<GroupPriorServer> prior_;       // null without a group prior
  std::unique_ptr<Probe> probe_;                  // null without --probe-clients
  std::unique_ptr<Participation> participation_;  // null without simulated devices
  std::unique_ptr<SecureSum> secure_;             // null without --secure-sum
  OldModels old_models_;                          // empty without --async
  Matrix<float> preferences_, behaviour_;
  DistillationSchedule schedule_;
  SumRanges ranges_;
  std::int64_t decoded_ = 0;
  PhaseTimer timer_;
};

}  // namespace fedfuse
