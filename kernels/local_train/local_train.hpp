#pragma once
// One client's whole local round (models.md section 2; R1, R2, R6, R8):
//
//   for each step (a batch of samples):
//     omega = mean over the batch of softmax(Phi2 ReLU(Phi1 [F_1[i]; ..; F_J[i]] + phi1) + phi2)
//       J > 1, else 1
//     c_i = sum_j omega_j F_j[i]   z_i = c_i (+ P[i])   s_i = head(z_i; theta, u) (+ b_i)
//     p_i = sigmoid(s_i)   b_i: the group prior's offset of the item, a constant
//     L   = mean [ BCE(p_i, y_i) + lambda KL(t_i || p_i) ] - alpha mean (P[i] - c_i)^2 + beta mean
//         |c_i|
//     dL/ds_i = (p_i - y_i + lambda (p_i - t_i)) / |batch|
//     x <- x - rate (dL/dx + kappa x)   rate = eta: theta, u, router;  eta_I: rows of the table, P
//       rows_by_sum: the rows' dL/dx times |batch|, so that they take the sum over the batch
//   Rows trained: F_1 is the client's own copy of the shared rows. Else views are constants, and
//     the sum over the
//   steps of dL/dF_j[i] comes back (R3).
//
// Everything is local: the distinct items of the round are slots 0..slots-1, and the rows stand in
// slot order. Work (J views, width w, n samples and E epochs): see flops(); memory: see bytes().
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gpu/device.hpp"
#include "core/scratch_buffers.hpp"
#include "model/head.hpp"

namespace fedfuse::local_train {

struct Shape {
  HeadLayout head;
  RouterLayout router;  // size 0 when views == 1
  int d = 0;
  int views = 1;  // J
  int width = 0;  // of a row: head.item_width, or d when that is 2d (z = [row; row])
  bool rows_trained = true;
  bool personal = false;
};

struct Rates {
  float lr = 0.1f, lr_items = 1.0f, decay = 0.0f;
  float lambda = 0.0f;               // 0: soft is not read
  bool soft_negatives_only = false;  // lambda acts only where y = 0
  float rap_alpha = 0.0f, rap_beta = 0.0f;
  bool rows_by_sum = false;   // rows step by the sum over the batch, else by its mean
  bool router_learns = true;  // else Phi stays as it came
  [[nodiscard]] constexpr float router_rate() const { return router_learns ? lr : 0.0f; }
  // of the gradient of the batch's mean loss, in a step of a row over n samples
  [[nodiscard]] constexpr float row_rate(int n) const {
    return lr_items * (rows_by_sum ? float(n) : 1.0f);
  }
};

// Samples in the order of the steps: entry e of step k, e in [begin[k], begin[k + 1]).
struct Steps {
  std::span<const std::int32_t> begin;  // steps + 1
  const std::int32_t* slot = nullptr;
  const float* label = nullptr;
  bool repeats = true;  // a slot may be in one step more than once
  // Every step is the same batch: its entries stand by slot, each slot has one, and the entries of
  // a slot have one label.
  bool same = false;
  [[nodiscard]] int count() const { return int(begin.size()) - 1; }
};

// In and out: all flat, row-major.
struct Client {
  int slots = 0;
  float* theta = nullptr;        // head.theta
  float* user = nullptr;         // head.user
  float* router = nullptr;       // router.size
  float* rows = nullptr;         // views x slots x width
  float* personal = nullptr;     // slots x width
  const float* soft = nullptr;   // slots: t_i
  float* view_grad = nullptr;    // views x slots x width, out; null when rows are trained
  const float* prior = nullptr;  // slots: b_i; null: nothing is added
  // trained rows come back as what changed: rows - untouched_share(..) (rows as they came)
  bool as_change = false;
};

// What weight decay leaves of a row that no step touches: (1 - eta_I kappa)^steps.
[[nodiscard]] double untouched_share(const Rates& rates, std::int64_t steps);
// rows -= untouched_share(..) before
void subtract_start(const Rates& rates, std::int64_t steps, const float* before, long floats,
                    float* rows);

struct Outcome {
  // means over all samples of all steps (loss: all terms)
  double loss_recommendation = 0, loss_distillation = 0, loss = 0;
  // router weights of the last step
  float omega[3] = {1, 0, 0};
};

struct Workspace;

struct Problem {
  Shape shape;
  std::int64_t samples = 0, epochs = 0, slots = 0, steps = 0;
  [[nodiscard]] double flops() const;  // multiply and add count 1 each; forward and backward
  // from and to memory: rows and weights in, deltas and weights out
  [[nodiscard]] double bytes() const;
  static constexpr double tolerance = 1e-4;
};

// step_loss: empty, or one float a step.
using Function = Outcome (*)(const Shape&, const Rates&, const Steps&, const Client&, Workspace&,
                             std::span<float> step_loss);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  bool (*serves)(const HeadLayout&);  // InputError for what it does not serve
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

// Scratch of one thread, grows to the largest client.
struct Workspace {
  ScratchBuffers round, router, head, change;
};

}  // namespace fedfuse::local_train
