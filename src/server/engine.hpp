#pragma once
// Trains the participants of a round and adds up their uploads: on the threads of the CPU
// (engine_cpu.cpp), or a device (device/). Both draw the same samples and touch the same rows;
// their floats agree within rounding; each gives its own bits whatever the number of ranks, threads
// and devices (of one size of shared memory, which decides how a client is laid out).
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clients/turns.hpp"
#include "core/comm.hpp"
#include "core/gpu/device.hpp"
#include "server/round_sums.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

// The participants of this rank after training, in their order; a matrix without rows is not
// wanted.
struct Trained {
  Matrix<float> theta, user, router;        // participants x size
  std::vector<std::array<float, 3>> omega;  // router weights
};

// What the record holds about an engine.
struct EngineFacts {
  DeviceKind device = DeviceKind::cpu;
  std::string name, uuid, driver;  // of the device that this rank uses
  std::string reduction = "mpi";   // nccl, or mpi and why
  std::int64_t ranks_on_device = 0;
  std::size_t needed_bytes = 0, high_water_bytes = 0;
  DeviceKind ranking = DeviceKind::cpu;  // where an evaluation's ranks are counted
  StateHome state = StateHome::host;     // where clients' private parameters live between rounds
};

class Engine {
 public:
  explicit Engine(int threads) : threads_(threads) {}  // of the host
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Gives `trained` the arrays that train() fills for n participants: heads where the grouping or
  // the host keeps them, the rest where the host does. What is large enough stays as it is.
  void make_room(const ModelSpec& spec, std::int64_t n, Trained& trained) const;

  // The first pass, over `local` (clients of this rank, ascending). Returns what of these clients'
  // losses, updates and states is not finite, or beyond the ranges of the round's sums or of what a
  // group sums of a head: then the sums are invalid, and the pass may be done again with others.
  // All three passes: Stopped once inputs.stop asks.
  [[nodiscard]] virtual Misfit train(const std::vector<std::int32_t>& local,
                                     const RoundInputs& inputs, Trained& trained,
                                     RoundSums& sums) = 0;

  // Both passes in one, where the groups are known before anybody trains (R15); group: of each
  // participant, -1: none. InternalError where trains_in_groups() says no.
  [[nodiscard]] virtual bool trains_in_groups() const { return false; }
  [[nodiscard]] virtual Misfit train_in_groups(const std::vector<std::int32_t>& local,
                                               const RoundInputs& inputs,
                                               std::span<const std::int32_t> group,
                                               Trained& trained, RoundSums& sums,
                                               GroupSums& groups);

  // The second pass (R10), with a teacher: rows and heads of each participant to its group (-1:
  // none). Returns and may be done again as train(). Changes no state.
  [[nodiscard]] virtual Misfit add_to_groups(const std::vector<std::int32_t>& local,
                                             const RoundInputs& inputs,
                                             std::span<const std::int32_t> group,
                                             const Trained& trained, GroupSums& groups) = 0;
  // With an overlay: the rows that stay on each participant to `keep`, one after the other; it may
  // change the client's state. Last of all, when nothing can refuse the round any more.
  using KeepRows = std::function<void(std::int64_t local, const Upload& upload)>;
  virtual void keep_rows(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                         const KeepRows& keep) = 0;

  // Clients' private heads, user vectors and routers may live in the engine: then trained.user and
  // trained.router stay empty, and the host's copy is what bring_home() last
  // made of it. What else ClientState has is the host's.
  [[nodiscard]] virtual bool holds_state() const { return false; }
  virtual void adopt(const ClientState&) {}       // the host's numbers are the state
  virtual void bring_home(ClientState&) const {}  // the state into the host's copy
  // What the last round left of its participants becomes the state. Where all clients took part,
  // the arrays change places; else their rows are copied. Afterwards `trained` is room only.
  virtual void commit(const std::vector<std::int32_t>& local, Trained& trained, ClientState& state);

  // Collective, after every rank's train or add_to_groups went well: what this rank's clients sent
  // becomes what all sent.
  virtual void reduce(RoundSums& sums, const Comm& comm) { sums.reduce(comm); }
  virtual void reduce(GroupSums& groups, const Comm& comm) { groups.reduce(comm); }
  // Where the engine adds up the rows of groups, and leaves them for the teacher.
  [[nodiscard]] virtual GroupSums::Rows group_rows() const { return GroupSums::Rows::on_host; }

  [[nodiscard]] virtual bool stores_uploads() const = 0;
  [[nodiscard]] virtual std::int64_t stored_bytes() const = 0;  // of the last round
  // All clients that it trained; nothing where that is not counted (a device).
  [[nodiscard]] virtual std::optional<Turns> turns() const { return std::nullopt; }
  [[nodiscard]] virtual EngineFacts facts() const = 0;
  // Where the server's own steps and the ranking may run too; null: on the host.
  [[nodiscard]] virtual std::shared_ptr<gpu::Device> device() const { return nullptr; }

 protected:
  [[nodiscard]] int threads() const { return threads_; }

 private:
  int threads_;
};

// alpha_u's numerator.
[[nodiscard]] inline std::int64_t weight_of(const ModelSpec& spec, const Dataset& data,
                                            std::int64_t local) {
  return spec.backbone.weighs_by_samples ? std::int64_t(data.positives(local).size()) : 1;
}

[[nodiscard]] std::unique_ptr<Engine> make_cpu_engine(const Config& config, const ModelSpec& spec,
                                                      const Dataset& data, int threads,
                                                      const Kernels& kernels);

}  // namespace fedfuse
