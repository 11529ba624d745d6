#pragma once
// The server side of `--fusion group-prior` (models.md section 9): a network from item features to
// one logit a group, fitted to the groups' sums of interactions with a few full-batch steps of Adam
// a round. Items are cut into fixed blocks; blocks are spread over ranks and threads, gradients are
// summed in fixed point: the same bits for any split (R13).
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/matrix.hpp"
#include "core/memory.hpp"
#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"

namespace fedfuse {

class PriorTeacher {
 public:
  // Parameters from the seed: U ~ N(0, 1), A ~ N(0, 1/4), v ~ N(0, 1/h), V = 0, b = -1.4. The
  // features are copied and projected; data need not outlive this.
  PriorTeacher(const Config& config, const Dataset& data, const Kernels& kernels = {});
  ~PriorTeacher();
  PriorTeacher(const PriorTeacher&) = delete;
  PriorTeacher& operator=(const PriorTeacher&) = delete;
  PriorTeacher(PriorTeacher&&) noexcept;
  PriorTeacher& operator=(PriorTeacher&&) noexcept;
  // The largest things that it allocates on a rank, each with its option.
  [[nodiscard]] static std::vector<MemoryNeed> memory_needs(const Config& config,
                                                            const Dataset& data);

  // --prior-steps steps towards sums (S: M x G, >= 0) and their complement (prior_targets.hpp), the
  // same on every rank. mass: G, the sum of the clients' shares in each group. Warm start:
  // parameters, moments and the count of steps persist from round to round. Returns the loss of the
  // last step, taken before it; 0, and nothing moves, where no group is taught. Collective.
  // ServerDiverged when a gradient, a parameter or a moment is not finite; Stopped, on all ranks,
  // once stop asks on one of them before a step. After both, the parameters are what they were.
  double train(const Matrix<float>& sums, std::span<const double> mass, const Comm& comm,
               const Stop& stop = {});
  // L: M x G, row i: the logits of item i, complete on every rank. Collective.
  [[nodiscard]] Matrix<float> logits(const Comm& comm) const;

  // Parameters and moments as they stand now, and as they stood at the last remember() or train().
  void remember();
  void undo();
  [[nodiscard]] std::int64_t flop() const;  // of this rank so far
  // By the names of models.md (U, A, v, V, b), X.m and X.v of each X, and steps: the whole state
  // that training goes on from.
  [[nodiscard]] std::map<std::string, std::span<float>> parameters();
  [[nodiscard]] const Matrix<float>& features() const;  // Z: M x P

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedfuse
