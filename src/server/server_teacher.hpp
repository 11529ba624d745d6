#pragma once
// GFMFR steps 3 and 4 behind one interface (models.md section 3): from the sums of the groups to
// the preferences that the clients of the next round distil. A solver is a class; --teacher-solver
// chooses it.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

class ServerTeacher {
 public:
  struct Taught {
    double loss = 0;            // of the solver's own problem
    Matrix<float> preferences;  // G x M, complete on every rank
  };
  ServerTeacher() = default;
  virtual ~ServerTeacher() = default;
  ServerTeacher(const ServerTeacher&) = delete;
  ServerTeacher& operator=(const ServerTeacher&) = delete;

  // Whether teach() reads of the sums what stands with their owners; else each rank needs all.
  [[nodiscard]] virtual bool reads_own_rows() const { return false; }
  // sums: reduced. global: what the clients of the round started from. Collective. ServerDiverged,
  // and Stopped once stop asks on a rank: the teacher is what it was.
  [[nodiscard]] virtual Taught teach(const GroupSums& sums, const GlobalModel& global,
                                     std::int64_t round, const Comm& comm, const Stop& stop) = 0;
  // FLOP of this rank so far
  [[nodiscard]] virtual std::int64_t flop() const = 0;
  // What lasts from round to round, as it stands now, and as it stood at the last remember().
  virtual void remember() {}
  virtual void undo() {}
  // ... by name, for checkpoints
  [[nodiscard]] virtual std::map<std::string, std::span<float>> parameters() { return {}; }
  // e: G x group_dim; empty where the solver has none
  [[nodiscard]] virtual Matrix<float> group_embeddings() const { return {}; }
};

// data must outlive it. device: where the solver may run; null: on the host. Collective.
[[nodiscard]] std::unique_ptr<ServerTeacher> make_server_teacher(
    const Config& config, const ModelSpec& spec, const Dataset& data, const Comm& comm,
    const std::shared_ptr<gpu::Device>& device, const Kernels& kernels);

}  // namespace fedfuse
