#pragma once
// The server's part of the group prior (models.md section 9): the groups that clients start in, and
// the teacher's turn at the end of a round.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"
#include "server/prior_teacher.hpp"

namespace fedfuse {

class GroupPriorServer {
 public:
  // What it is given must outlive it.
  GroupPriorServer(const Config& config, const Dataset& data, const Kernels& kernels);

  // The shares before the first round: each client whole in one group. to: local clients x G.
  // Collective; InputError: --prior-start asks for labels that the data set does not have.
  void start(Matrix<float>& to, const Comm& comm) const;

  struct Taught {
    Matrix<float> logits;  // L: M x G
    double loss = 0;       // of the last step
  };
  // K steps of the teacher on what the participants `local` of this rank sent, with their shares
  // (local clients x G). participants: over all ranks. Collective. ServerDiverged, Stopped: the
  // teacher is what it was.
  [[nodiscard]] Taught teach(const std::vector<std::int32_t>& local, std::int64_t participants,
                             const Matrix<float>& shares, const Comm& comm, const Stop& stop);
  void remember() { teacher_.remember(); }
  void undo() { teacher_.undo(); }
  [[nodiscard]] std::int64_t flop() const { return teacher_.flop(); }  // of this rank so far
  // the teacher's whole state, by name
  [[nodiscard]] std::map<std::string, std::span<float>> parameters() {
    return teacher_.parameters();
  }

 private:
  [[nodiscard]] std::vector<std::int32_t> start_groups(const Comm& comm) const;
  const Config& config_;
  const Dataset& data_;
  Kernels kernels_;
  PriorTeacher teacher_;
};

}  // namespace fedfuse
