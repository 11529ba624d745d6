#pragma once
// The views of one block of items, and the way back (models.md section 4):
//   x_m    = LN(has_m A_m E_m[i] + a_m), m = d, t, v (E_d = D);   LN(y) = ln_w (y - mean y) / sqrt(var y + 1e-5) + ln_b
//   F_sum  = x_d + x_t + x_v
//   F_mlp  = W2 ReLU(W1 [x_d; x_t; x_v] + b1) + b2
//   F_gate = W_o [sigmoid(G_d x_d + g_d); sigmoid(G_t x_t + g_t); sigmoid(G_v x_v + g_v)] + b_o
// Activations are computed again on the way back, not stored: M x 10 d floats would be more than the features.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/dense/dense.hpp"
#include "kernels/dense/optimizer.hpp"

namespace fedfuse {

enum class View { sum, mlp, gate };

// gamma, the parameters of the operators that the chosen views need, and where each stands.
struct ViewOperators {
  static constexpr const char* branch_names = "dtv";
  struct Branch {
    std::int64_t width = 0;  // of E_m; 0: nobody has this modality
    std::size_t A = 0, a = 0, ln_w = 0, ln_b = 0, G = 0, g = 0;
  };
  ViewOperators(const std::vector<std::string>& names, std::int64_t dim, std::int64_t text_width, std::int64_t image_width);

  std::int64_t d = 0;
  std::vector<View> views;  // in the order in which clients see them
  std::array<Branch, 3> branches;
  std::size_t W1 = 0, b1 = 0, W2 = 0, b2 = 0, W_o = 0, b_o = 0;
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
  ViewsBlock(const ViewOperators& operators, const PackedOperators& weights, const ViewInputs& inputs, std::int64_t rows);

  // Items [first, first + n): out[j] points at row `first` of F_j.
  void forward(std::int64_t first, std::int64_t n, const std::vector<float*>& out);
  // view_grad[j] points at row `first` of dL/dF_j, which is multiplied by `scale` (a power of two). Afterwards
  // gradient() holds the block's dL/dgamma (laid out as the parameters) and grad_D its rows of dL/dD, both scaled.
  void backward(std::int64_t first, std::int64_t n, const std::vector<const float*>& view_grad, float scale, float* grad_D);
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
