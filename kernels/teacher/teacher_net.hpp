#pragma once
// The network of teacher.hpp and its training step on a CPU. A batch is any list of (group, item)
// pairs. By R4, with W1 = [W_g W_t W_v], the hidden layer is ReLU(a_l + c_i):
//   c_i = W_t(A_t E_t[i] + a_t) + W_v(A_v E_v[i] + a_v)   once for each distinct item of the batch
//   a_l = W_g(A_g e_l + a_g) + b1                             once for each group
// and the gradients of c_i and a_l are sums over the pairs that share them, so the way back is as
// short. Exact.
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/preference/packed.hpp"
#include "kernels/teacher/teacher.hpp"

namespace fedfuse::teacher {

struct Pair {
  std::int32_t group = 0, item = 0;
};

class Net {
 public:
  // The parameters, moments, features and targets of the calls that follow; they must outlive
  // these. order and batching are not read.
  void bind(const Problem& problem);

  // Forward, backward and one optimizer step. Returns the loss before the step.
  double step(std::span<const Pair> pairs);
  // The same without the optimizer: afterwards gradient() holds the gradients, fused() is
  // overwritten.
  double backward(std::span<const Pair> pairs);
  // Q of each pair: fused()[pair * d + k].
  void forward(std::span<const Pair> pairs);

  [[nodiscard]] std::span<const float> fused() const { return q_; }
  [[nodiscard]] std::span<const float> gradient() const { return gradient_; }  // flat (declare)

 private:
  void find_distinct_items(std::span<const Pair> pairs);
  void encode();
  double errors(std::span<const Pair> pairs);
  void back_through_hidden(std::span<const Pair> pairs);
  void back_through_items();
  void back_through_groups();
  float* grad(std::size_t offset) { return gradient_.data() + offset; }
  [[nodiscard]] const float* value(std::size_t offset) const { return problem_.values + offset; }

  Problem problem_;
  Offsets at_;
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

class Workspace {
 public:
  Net net;
  std::vector<Pair> pairs;  // of a batch
};

}  // namespace fedfuse::teacher
