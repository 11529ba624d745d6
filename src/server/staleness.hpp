#pragma once
// What the server adds up of an upload whose client started from an older model (models.md, section
// 13; FedBuff's weight, Nguyen et al., AISTATS 2022).
#include <cstdint>
#include <vector>

#include "clients/local_round.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

// w(s) = (1 + s)^-1/2; s: steps between the model that a client started from and the newest.
[[nodiscard]] double staleness_weight(std::int64_t staleness);

// The upload of a client that moved w of its way from the newest model: w times its row updates or
// gradients, 1 - w (1 - rho), and of a shared head theta + w (theta_u - theta_start). What the
// client keeps is its own, whole. With w = 1, the upload as it is. update must outlive it.
class Weakened {
 public:
  Weakened(const LocalUpdate& update, const Start& start, const ModelSpec& spec,
           const GlobalModel& newest);
  Weakened(const Weakened&) = delete;  // its update refers to its numbers
  Weakened& operator=(const Weakened&) = delete;
  ~Weakened() = default;
  [[nodiscard]] const LocalUpdate& update() const { return update_; }

 private:
  LocalUpdate update_;
  std::vector<float> rows_, head_;
};

}  // namespace fedfuse
