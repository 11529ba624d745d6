#pragma once
// FedVLR's server side (models.md section 4): from the ID table D and the text and image features
// to the views F_1..F_J that clients see, and back (R3: one backward pass from the summed view
// gradients serves all clients). Also `--fusion mlp`: one view, F_mlp. Rows are cut into fixed
// blocks; blocks are spread over ranks and threads, parameter gradients are summed in fixed point:
// the same bits for any split.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clients/state_visitor.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"

namespace fedfuse {

class ItemViews {
 public:
  // data must outlive this: its features are read in place. comm: the ranks that share the rows. A
  // rank has its own rows of D and of their moments. device: where views are made and taken back,
  // which has all rows; null: on the processor. The two agree within rounding; each has its own
  // bits.
  ItemViews(const Config& config, const ModelSpec& spec, const Dataset& data, const Comm& comm,
            std::shared_ptr<gpu::Device> device = nullptr, const Kernels& kernels = {});
  ~ItemViews();
  ItemViews(const ItemViews&) = delete;
  ItemViews& operator=(const ItemViews&) = delete;
  ItemViews(ItemViews&&) noexcept;
  ItemViews& operator=(ItemViews&&) noexcept;

  // F_j, J matrices M x d, complete on every rank. Collective.
  void forward(std::vector<Matrix<float>>& views) const;
  // view_grad: J matrices M x d, sum over clients of alpha_u dL_u/dF_j; on the processor only this
  // rank's rows (RowSplit) are read. Backward and one optimizer step (--server-optimizer,
  // --server-lr) of the operators and D. Collective. ServerDiverged: the gradient is not finite.
  void backward_and_step(const std::vector<Matrix<float>>& view_grad);
  // backward_and_step, then forward into the same matrices. Collective. ServerDiverged when a
  // parameter, a moment or a view is not finite: then the state is what it was.
  void step_to_next_views(std::vector<Matrix<float>>& gradients_then_views);

  // The whole state that training goes on from, by the names of models.md (D, A_t, a_t, ...) behind
  // `name`; with Adam also X.m and X.v of each X, steps and D.steps. What a visitor writes counts
  // from the next call on.
  void visit(StateVisitor& visitor, const std::string& name);
  [[nodiscard]] std::int64_t operator_parameters() const;  // gamma: without D
  [[nodiscard]] double flops() const;                      // of a round: all items, there and back
  // this rank's so far: its rows there and back, and the optimizer's steps
  [[nodiscard]] std::int64_t flop() const;
  [[nodiscard]] RowRange rows() const;  // that this rank has of D

  // What a device must hold for one of `ranks` ranks; 0 where rows are trained on clients.
  [[nodiscard]] static std::int64_t device_bytes(const Config& config, const ModelSpec& spec,
                                                 const Dataset& data, std::int64_t ranks);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedfuse
