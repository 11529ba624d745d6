#pragma once
// One client's turn in a round: draw its samples, gather the rows that they touch (R1), train
// (kernels/local_train), and hand back what goes to the server and what stays. A pure function of
// (seed, round, client, the state before), so it can be run twice (R10).
#include <cstdint>
#include <optional>
#include <span>

#include "clients/sampler.hpp"
#include "clients/sender.hpp"
#include "clients/state.hpp"
#include "clients/turns.hpp"
#include "core/config.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"

namespace fedfuse {

// The group prior as this round uses it (models.md section 9): offset_u[i] = sum_l a_ul L_l[i] is
// added to the score of item i, or sigmoid(offset) is its soft label.
struct GroupPrior {
  const Matrix<float>* logits = nullptr;  // L: M x G; null: no prior
  const Matrix<float>* shares = nullptr;  // a_u: local clients x G
  PriorUse use = PriorUse::prior;
};

// Teacher's soft labels as this round uses them.
struct Distillation {
  const Matrix<float>* preferences = nullptr;  // G x M; null: no distillation
  double lambda = 0.0;
  bool negatives_only = false;
  GroupPrior prior = {};
};

// What one client computed. Pointers into the trainer's scratch: valid until its next turn.
struct LocalUpdate {
  // touched rows, ascending; of an attacker, those that it sends
  std::span<const std::int32_t> items;
  // Rows trained: C_u[i] - rho C[i], items x width. Else the view gradients, views x items x width.
  const float* rows = nullptr;
  double rho = 1.0;                            // what weight decay left of the untouched rows
  float virtual_rate = 0.0f;                   // virtual_row_rate of the turn
  std::span<const float> theta, user, router;  // after training
  // What the sums take of a shared head: theta, or its change (ModelSpec::head_as_change).
  std::span<const float> sent_theta;
  std::optional<Clip::Outcome> clip;  // of rows and sent_theta together; empty without a bound
  // new personal (or fine-tuned) rows, items x width; null without
  const float* overlay = nullptr;
  local_train::Outcome outcome;
  std::int64_t samples = 0;  // distinct samples of the round
  bool finite = true;        // the loss and all that stays on the client
};

// One per thread. What it is given must outlive it.
class LocalTrainer {
 public:
  LocalTrainer(const Config& config, const ModelSpec& spec, const Dataset& data,
               const Sampler& sampler, const Kernels& kernels = {});
  const LocalUpdate& train(std::int64_t local, std::int64_t round, const GlobalModel& global,
                           const ClientState& state, const Distillation& distillation);
  // all that it trained
  [[nodiscard]] const Turns& turns() const { return turns_; }

 private:
  void gather_rows(const GlobalModel& global);
  void gather_soft(std::span<const float> preferences);
  void gather_prior(const GroupPrior& prior, std::int64_t local);
  void gather_teacher(const Distillation& distillation, std::int64_t local, std::int32_t group);
  // Whether the rows' change is all that is wanted of them: PFedRec keeps the rows as trained.
  [[nodiscard]] bool sends_change() const {
    return spec_.rows_trained && (spec_.backbone.personal_rows || !spec_.has_overlay());
  }
  void count_turn();
  void finish(const GlobalModel& global, std::int64_t local, std::int64_t round);
  void send(const GlobalModel& global, std::int64_t local, std::int64_t round);
  const Config& config_;
  const ModelSpec& spec_;
  const Dataset& data_;
  const Sampler& sampler_;
  local_train::Function train_;
  local_train::Shape shape_;
  local_train::Rates rates_;  // of the turn
  Samples samples_;
  Sender sender_;
  Array<float> theta_, change_, user_, router_, rows_, start_, personal_, soft_, prior_, view_grad_;
  local_train::Workspace workspace_;
  LocalUpdate update_;
  Turns turns_;
};

// Rates as given, or their defaults, none of which depends on the data by counts. eta: 0.3 over a
// trained table, 0.01 over one view, 0.1 with a router.
[[nodiscard]] double head_rate(const Config& config);
// eta_S: 8; 1 where a group prior is in the score, and rows learn what it leaves.
[[nodiscard]] double item_server_rate(const Config& config);
// eta_I: 0.1 with counts, eta * M with means.
[[nodiscard]] double item_rate(const Config& config, std::int64_t items);
// The configuration as it is used and recorded: its rates are those three.
[[nodiscard]] Config with_rates(Config config, std::int64_t items);
// ... of a round: eta_I times its decay.
[[nodiscard]] double item_rate(const Config& config, std::int64_t items, std::int64_t round);
// What every client of a run trains, and how fast in this round (lambda: 0, it is not every
// client's).
[[nodiscard]] local_train::Shape shape_of(const ModelSpec& spec);
[[nodiscard]] local_train::Rates rates_of(const Config& config, const ModelSpec& spec,
                                          std::int64_t items, std::int64_t round);
// Views: the rate of the one step that a client's rows take by the sum of its gradients (models.md
// section 3). samples: of all steps together.
[[nodiscard]] float virtual_row_rate(const local_train::Rates& rates, std::int64_t samples,
                                     std::int64_t steps);
// Whether FedRAP's rows of a client that this round does not touch stay finite when `rho` of them
// is left: weight decay beyond 2 / eta_I lets them grow.
[[nodiscard]] bool keeps_finite_rows(const ClientState& state, std::int64_t local, double rho);
// FedRAP's rows of a client at `items` (ascending), as they stand: stored, or the decayed common
// start, or 0. to: items x overlay width.
void gather_personal(const ClientState& state, std::int64_t local,
                     std::span<const std::int32_t> items, float* to);

}  // namespace fedfuse
