#pragma once
// The network of teacher.hpp and its training step on a CPU. A batch is any list of (group, item)
// pairs. By R4, with W1 = [W_g W_t W_v], the hidden layer is ReLU(a_l + c_i):
//   c_i = W_t(A_t E_t[i] + a_t) + W_v(A_v E_v[i] + a_v)   once for each distinct item of the batch
//   a_l = W_g(A_g e_l + a_g) + b1                             once for each group
// and the gradients of c_i and a_l are sums over the pairs that share them, so the way back is as
// short. Exact.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/preference/packed.hpp"
#include "kernels/teacher/teacher.hpp"

namespace fedfuse {

struct TeacherPair {
  std::int32_t group = 0, item = 0;
};

using TeacherFeatures = teacher::Features;             // must outlive the network
using TeacherTargets = std::span<const float* const>;  // G pointers to C_l: M x d

class TeacherNet {
 public:
  using Sizes = teacher::Shape;
  using Offsets = teacher::Offsets;  // in parameters().values

  // optimizer: "adam" or "sgd". All parameters start at 0.
  TeacherNet(const Sizes& sizes, const TeacherFeatures& features, const std::string& optimizer,
             double lr);

  // Forward, backward and one optimizer step. Returns the loss before the step.
  double step(std::span<const TeacherPair> pairs, TeacherTargets targets);
  // The same without the optimizer: afterwards gradient() holds the gradients, fused() is
  // overwritten.
  double backward(std::span<const TeacherPair> pairs, TeacherTargets targets);
  // Q of each pair: fused()[pair * d + k].
  void forward(std::span<const TeacherPair> pairs);

  [[nodiscard]] Parameters& parameters() { return parameters_; }
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  [[nodiscard]] Optimizer& optimizer() { return optimizer_; }
  [[nodiscard]] const Offsets& offsets() const { return at_; }
  [[nodiscard]] const Sizes& sizes() const { return sizes_; }
  [[nodiscard]] std::span<const float> fused() const { return q_; }
  [[nodiscard]] std::span<const float> gradient() const { return gradient_; }

 private:
  void find_distinct_items(std::span<const TeacherPair> pairs);
  void encode();
  double errors(std::span<const TeacherPair> pairs, TeacherTargets targets);
  void back_through_hidden(std::span<const TeacherPair> pairs);
  void back_through_items();
  void back_through_groups();
  float* grad(std::size_t offset) { return gradient_.data() + offset; }

  Sizes sizes_;
  TeacherFeatures features_;
  Parameters parameters_;
  Offsets at_;
  Optimizer optimizer_;
  Array<float> gradient_;

  // One batch: u distinct items, p pairs. The buffers grow to the largest batch and stay.
  std::vector<std::int32_t> slot_of_item_;  // items: slot in this batch, or -1
  std::vector<std::int32_t> items_, slot_;  // u: item of a slot;  p: slot of a pair
  // u x d_t, u x d_v, rows 16 floats longer: zeros where missing
  Array<float> text_, image_;
  // u x 2d: [A_t E_t + a_t, A_v E_v + a_v];  c_i and its gradient
  Array<float> encoded_, c_, dc_;
  Array<float> g_, a_, da_;  // G x d: A_g e + a_g;  G x 2d: a_l and its gradient
  Packed packed_;            // the weights of the product at hand
  Array<float> h_, dh_, q_;  // p x 2d, p x 2d;  p x d: Q, then its gradient
};

namespace teacher {
// The pairs of some slots of an order (teacher::Problem), slot after slot.
void pairs_of_slots(std::span<const std::int32_t> slots, std::int64_t groups, bool by_items,
                    std::vector<TeacherPair>& pairs);
// An epoch in this order. pairs: a buffer. Returns the mean over all pairs of the loss before their
// step.
double train_epoch(TeacherNet& net, std::span<const std::int32_t> order, TeacherTargets targets,
                   const Batching& batching, std::vector<TeacherPair>& pairs);
}  // namespace teacher

}  // namespace fedfuse
