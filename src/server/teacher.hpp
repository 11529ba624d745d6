#pragma once
// GFMFR steps 3 and 4 (models.md section 3): the server fuses text and image features per group and
// maps them to preferences. S_phi: Q_l[i] = W2 ReLU(W1 [A_g e_l + a_g ; A_t E_t[i] + a_t ; A_v
// E_v[i] + a_v] + b1) + b2. On the host, or on a device where there is one: the same batches,
// floats within rounding.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"
#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"
#include "server/server_teacher.hpp"

namespace fedfuse {

class GroupTeacher final : public ServerTeacher {
 public:
  // data must outlive this: its features are read in place. device: where it trains and prefers;
  // null: on the host.
  GroupTeacher(const Config& config, const ModelSpec& spec, const Dataset& data,
               const std::shared_ptr<gpu::Device>& device = nullptr, const Kernels& kernels = {});
  // What it holds on a device, at most.
  [[nodiscard]] static std::int64_t device_bytes(const Config& config, const ModelSpec& spec,
                                                 const Dataset& data);
  // Whether it trains on such a device: full batches are summed on the host.
  [[nodiscard]] static bool trains_on(const gpu::Device& device, const Config& config,
                                      const ModelSpec& spec, const Dataset& data);
  ~GroupTeacher() override;

  [[nodiscard]] bool reads_own_rows() const override;  // full batches do
  [[nodiscard]] Taught teach(const GroupSums& sums, const GlobalModel& global, std::int64_t round,
                             const Comm& comm, const Stop& stop) override;
  // Trains (e, phi) for E_s epochs towards targets: G matrices M x d (C_l), the same on every rank.
  // Full batches take this rank's rows of them (RowSplit), too. Warm start: the parameters persist
  // from round to round. By steps every rank does all of it. Returns the mean loss of the last
  // epoch. ServerDiverged when a loss, a parameter or a moment is not finite;
  // Stopped, on all ranks, once stop asks on one of them before an epoch. After both, the
  // parameters are what they were.
  double train(const std::vector<Matrix<float>>& targets, std::int64_t round, const Comm& comm,
               const Stop& stop = {});
  // Parameters and moments as they stand now, and as they stood at the last remember() or train().
  void remember() override;
  void undo() override;
  // pref: G x M, sigmoid(w_l . Q_l[i] + b_l) by R4, complete on every rank. last_w: G x d, last_b:
  // G. Collective.
  [[nodiscard]] Matrix<float> preference(const Matrix<float>& last_w, std::span<const float> last_b,
                                         const Comm& comm) const;

  [[nodiscard]] std::int64_t flop() const override;
  [[nodiscard]] Matrix<float> group_embeddings() const override;  // e: G x group_dim
  // By the names of models.md; with Adam also X.m and X.v of each X, and steps: the whole state
  // that training goes on from.
  [[nodiscard]] std::map<std::string, std::span<float>> parameters() override;

 private:
  [[nodiscard]] RowRange read_rows(const Comm& comm) const;  // of its targets
  struct Impl;
  struct Targets;
  double train(const Targets& targets, std::int64_t round, const Comm& comm, const Stop& stop);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedfuse
