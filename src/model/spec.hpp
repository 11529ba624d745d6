#pragma once
// What a Config means, resolved once: which parts are switched on, and how large they are.
#include <cstdint>

#include "core/config.hpp"
#include "core/matrix.hpp"
#include "model/backbones.hpp"
#include "model/fusions.hpp"
#include "model/head.hpp"

namespace fedfuse {

struct ModelSpec {
  Backbone backbone{};
  Fusion fusion{};
  HeadLayout head;
  RouterLayout router;  // size 0 without a router
  int d = 64;
  int views = 1;  // J
  // width of a row that the server sends: d, or 2d for a neumf head's own table
  int view_width = 64;
  bool rows_trained = true;  // table: the client trains the rows; else view-row gradients come back
  // the sums of a round hold the weight of the clients that touched each row (--item-update counts)
  bool counts_rows = false;
  bool shares_head = false;  // theta is averaged by the server; else it stays on the client
  // ... as a sum of theta_u - theta over the round's weight, not of theta_u
  bool head_as_change = false;
  bool bounds_uploads = false;    // --clip
  bool has_router = false;        // J > 1
  bool has_teacher = false;       // GFMFR's
  bool group_scores = false;      // ... which reads one number an item and group (R14)
  std::int64_t most_groups = 0;   // of the teacher; 0 without
  std::int64_t prior_groups = 0;  // G of the group prior; 0 without
  bool prior_in_score = false;    // it is added to the scores; else its soft labels are distilled
  // personal rows start from one table that is common to all clients (ClientState::base)
  bool has_base = false;
  [[nodiscard]] bool has_prior() const { return prior_groups > 0; }
  [[nodiscard]] bool has_overlay() const {
    return backbone.personal_rows || (backbone.keeps_tuned_rows && rows_trained);
  }
  [[nodiscard]] int overlay_width() const { return view_width; }
  // R10: after the first pass (training) the round reads every participant's rows once more: for
  // the sums of its group, or to keep those that stay on the client.
  [[nodiscard]] bool has_second_pass() const { return has_teacher || has_overlay(); }
};

// InputError: an unknown backbone, fusion or head, or parts that do not fit each other.
[[nodiscard]] ModelSpec resolve(const Config& config);
// A teacher's logits are added to every score (models.md section 9).
[[nodiscard]] bool adds_prior(const Config& config);
// An option stands between what a client trained and what the sums take of it, or between that and
// the next model. Devices do not know such options.
[[nodiscard]] bool changes_uploads(const Config& config);
// InputError: a value of the configuration that this data set, or this number of ranks, forbids.
void validate_against_data(const Config& config, std::int64_t clients, std::int64_t items,
                           int ranks);

// The part of the state that the server holds and every client receives.
struct GlobalModel {
  // J matrices M x view_width: the shared table, or F_1..F_J of this round
  std::vector<Matrix<float>> views;
  // the shared head (or, when heads stay on clients, the common start)
  Array<float> theta;
  // L: M x G, the group prior's logits; empty without one, and before the first round
  Matrix<float> prior;
  bool operator==(const GlobalModel&) const = default;
};

}  // namespace fedfuse
