#pragma once
// The views of one block of items on the processor, and the way back: the formulas stand in
// kernels/views/views.hpp.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/dense/dense.hpp"
#include "kernels/dense/optimizer.hpp"
#include "kernels/views/views.hpp"

namespace fedfuse {

// gamma, the parameters of the operators that the chosen views need, where kernels/views wants
// them.
struct ViewOperators : views::Layout {
  explicit ViewOperators(const views::Shape& shape);
  Parameters parameters;
};

// What the branches read. has_m null: every item.
struct ViewInputs {
  std::array<const float*, 3> features{};    // D, E_t, E_v; M x width
  std::array<const std::uint8_t*, 3> has{};  // M
};

// The weights as the way forward reads them: packed once, for all blocks and threads.
struct PackedOperators {
  explicit PackedOperators(const ViewOperators& operators);
  std::array<Packed, 3> A, G;
  Packed W1, W2, W_o;
};

// Scratch of one thread for blocks of up to `rows` items.
class ViewsBlock {
 public:
  ViewsBlock(const ViewOperators& operators, const PackedOperators& weights,
             const ViewInputs& inputs, std::int64_t rows);

  // Items [first, first + n): out[j] points at row `first` of F_j.
  void forward(std::int64_t first, std::int64_t n, const std::vector<float*>& out);
  // view_grad[j] points at row `first` of dL/dF_j, which is multiplied by `scale` (a power of two).
  // Afterwards gradient() holds the block's dL/dgamma (laid out as the parameters) and grad_D its
  // rows of dL/dD, both scaled.
  void backward(std::int64_t first, std::int64_t n, const std::vector<const float*>& view_grad,
                float scale, float* grad_D);
  [[nodiscard]] const Array<float>& gradient() const { return gradient_; }

 private:
  dense::ConstView features_of(std::size_t branch);
  [[nodiscard]] dense::View part(Array<float>& wide, std::size_t branch) const;
  void encode(std::size_t branch);
  void normalise(std::size_t branch);
  void hidden();  // mlp
  void gates();   // gate
  void back_sum();
  void back_mlp();
  void back_gate();
  void back_normalise(std::size_t branch);
  void back_encode(std::size_t branch, float* grad_D);
  [[nodiscard]] const float* at(std::size_t offset) const { return op_.parameters.at(offset); }
  float* grad(std::size_t offset) { return gradient_.data() + offset; }

  const ViewOperators& op_;
  const PackedOperators& weights_;
  const ViewInputs& in_;
  std::int64_t first_ = 0, n_ = 0;
  std::vector<std::int32_t> items_;     // first .. first + n
  std::array<Array<float>, 3> copied_;  // features of a block in which some are missing
  Array<float> y_, x_, inverse_sd_;     // n x 3d: normalised;  n x 3d: x;  3 x n
  Array<float> h_, s_;                  // n x 2d, n x 3d: activations of mlp and gate
  Array<float> dx_, dh_, ds_, dF_;      // n x 3d, n x 2d, n x 3d, n x d
  Array<float> gradient_;
};

}  // namespace fedfuse
