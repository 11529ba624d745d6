#pragma once
// GFMFR's server fusion (models.md section 3, step 3; arXiv 2509.19955): training of S_phi towards
// the groups' item tables.
//
//   Q_l[i] = W2 ReLU(W1 [A_g e_l + a_g ; has_t[i] A_t E_t[i] + a_t ; has_v[i] A_v E_v[i] + a_v] +
//     b1) + b2
//   loss   = mean over the pairs (l, i) of a batch and the d components of (Q_l[i] - C_l[i])^2
//
// One step, by R4, with W1 = [W_g W_t W_v]: forward
//   a_l = W_g(A_g e_l + a_g) + b1          once a group
//   c_i = W_t x_t[i] + W_v x_v[i],  x_m[i] = has_m[i] A_m E_m[i] + a_m   once a slot: an item of
//     the batch
//   h = ReLU(a_l + c_i),  Q = W2 h + b2,  q = 2 / (pairs d) (Q - C)
// backward
//   dW2 = sum q h^T, db2 = sum q;   g = [h > 0] W2^T q;   dc_i, da_l = sums of g over the pairs of
//     i, of l
//   dx = [W_t W_v]^T dc,  dA_m = sum has_m dx_m E_m^T,  da_m = sum dx_m,  d[W_t W_v] = sum dc x^T
//   and for the groups the same with a_l, e_l in place of c_i, E[i];  then Adam or SGD
//     (kernels/dense/optimizer.hpp) for every parameter.
//
// An epoch visits every pair once. Batches of items (R9): a batch of b slots has all G groups of b
// items. Batches of pairs (the paper): a slot is one pair; an item that is drawn twice in a batch
// counts as two slots, the sums are the same.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "kernels/dense/optimizer.hpp"

namespace fedfuse::teacher {

// groups: those that e has room for. d_text or d_image 0: no item has that modality.
struct Shape {
  std::int64_t groups = 0, items = 0, d = 0, d_group = 0, d_text = 0, d_image = 0;
  bool operator==(const Shape&) const = default;
};

// items x d_text, items x d_image; null: d_m = 0. Null masks: every item has it. What stands in the
// row of an item without is not read.
struct Features {
  const float *text = nullptr, *image = nullptr;
  const std::uint8_t *has_text = nullptr, *has_image = nullptr;
};

// Where each matrix begins in the flat array of parameters. Row-major, [out x in]; W1 is 2d x 3d.
struct Offsets {
  std::size_t e = 0, A_g = 0, a_g = 0, A_t = 0, a_t = 0, A_v = 0, a_v = 0, W1 = 0, b1 = 0, W2 = 0,
              b2 = 0;
};
// The parameters by the names of models.md, all 0.
[[nodiscard]] Parameters declare(const Shape& shape, Offsets& at);

struct Batching {
  bool by_items = true;
  std::int64_t pairs = 256;  // a step, at most (at least one item)
  [[nodiscard]] std::int64_t slots(std::int64_t groups) const {
    return !by_items ? pairs : pairs / groups > 1 ? pairs / groups : 1;
  }
  [[nodiscard]] std::int64_t pairs_a_slot(std::int64_t groups) const {
    return by_items ? groups : 1;
  }
  // slots
  [[nodiscard]] std::int64_t epoch(std::int64_t groups, std::int64_t items) const {
    return by_items ? items : items * groups;
  }
};

// One epoch. values, m and v are flat (declare), read and written; m, v and steps with Adam only.
struct Problem {
  Shape shape;
  Features features;
  std::int64_t groups = 0;                // G <= shape.groups: those that have a target
  const float* const* targets = nullptr;  // G pointers to C_l: M x d
  // every slot once: items, or pair numbers item * G + group
  const std::int32_t* order = nullptr;
  Batching batching;
  bool adam = true;
  double lr = 0;
  float *values = nullptr, *m = nullptr, *v = nullptr;
  float* steps = nullptr;  // one number: Adam's t before and after

  // slots of the epoch
  [[nodiscard]] std::int64_t count() const { return batching.epoch(groups, shape.items); }
  [[nodiscard]] std::int64_t slots() const { return batching.slots(groups); }
  [[nodiscard]] std::int64_t steps_an_epoch() const { return (count() + slots() - 1) / slots(); }
  // of the restructured form, every slot an item; a multiply and an add count 1 each
  [[nodiscard]] double flops() const;
  // ... of it that one batch takes of so many slots and pairs; of a step of the optimizer
  [[nodiscard]] double batch_flops(double of_slots, double of_pairs) const;
  [[nodiscard]] double update_flops() const;
  // features and targets of the slots once; parameters and moments in and out once a step
  [[nodiscard]] double bytes() const;
  // of a parameter's way from its start, relative to the farthest of its matrix
  [[nodiscard]] double tolerance() const;
};

class Workspace;  // teacher_net.hpp: scratch of the CPU, kept from epoch to epoch

// Returns the mean over all pairs of the loss before their step.
using Function = double (*)(const Problem&, Workspace&);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  bool (*serves)(const Problem&);  // InputError for others
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

double run_cpu(const Problem& problem, Workspace& workspace);  // teacher_cpu.cpp

// Naive, in double: every pair by itself through the whole network, in the paper's order of
// operations.
struct State {  // of the flat arrays
  std::vector<double> values, m, v;
  double steps = 0;
};
double reference_epoch(const Problem& problem, State& state);
// Loss of the slots [begin, end), and its gradient, flat.
double reference_loss(const Problem& problem, const std::vector<double>& values, std::int64_t begin,
                      std::int64_t end);
double reference_gradient(const Problem& problem, const std::vector<double>& values,
                          std::int64_t begin, std::int64_t end, std::vector<double>& gradient);
double run_reference(const Problem& problem, Workspace&);

// teacher.cu on a device, and its source on the CPU; teacher_gpu.cpp
double cuda(const Problem& problem, Workspace&);
double cuda_steps(const Problem& problem, Workspace&);
double emulated(const Problem& problem, Workspace&);
double emulated_steps(const Problem& problem, Workspace&);

}  // namespace fedfuse::teacher
