#pragma once
// What a server learns of a client's positives from its uploads, if it looks (models.md section
// 11). The probe stands on the emulator's side, which knows the labels: it changes nothing.
//
//   rows    each row's place along the first principal direction of the client's rows, towards the
//           side of fewer rows
//   head    its product with the last layer of the head, where the head is sent, too
//   ids     the numbers of the rows alone, intersected over the rounds so far
#include <cstdint>
#include <memory>
#include <vector>

#include "clients/local_round.hpp"
#include "core/comm.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

// Means over the probed clients that took part; NaN without one. auc: that a positive row scores
// above another; precision: the share of positives among the |P_u| best rows, or among the
// intersection.
struct ProbeReport {
  double auc_rows, precision_rows, auc_head, precision_ids;
};

class Probe {
 public:
  // --probe-clients: those with the smallest keys, the same in all rounds. What it is given must
  // outlive it. Collective.
  Probe(const Config& config, const ModelSpec& spec, const Dataset& data, const Kernels& kernels);

  // Before the round's commit: the clients train once more. local: the participants of this rank.
  // Collective; the same on any number of ranks.
  [[nodiscard]] ProbeReport read(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                                 const Comm& comm);

 private:
  void intersect(std::int64_t round);
  const Config& config_;
  const ModelSpec& spec_;
  const Dataset& data_;
  Sampler sampler_;
  LocalTrainer trainer_;
  std::vector<std::int32_t> probed_;            // local positions, ascending
  std::vector<std::vector<std::int32_t>> ids_;  // of each: in every upload so far; empty: none yet
  std::int64_t seen_ = 0;                       // rounds that ids_ holds
};

// Of each row its place along the first principal direction; of fewer rows than half, those above
// 0. rows: n x width.
[[nodiscard]] std::vector<double> along_first_direction(const Matrix<double>& rows);
// The share of pairs of a positive and another row in which the positive scores higher; a tie
// counts half. NaN without both kinds.
[[nodiscard]] double area_under_curve(const std::vector<double>& score,
                                      const std::vector<std::uint8_t>& positive);

}  // namespace fedfuse
