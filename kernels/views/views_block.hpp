#pragma once
// The views of one block of items on a CPU, and the way back: the formulas stand in views.hpp. One
// thread does a block.
#include <array>
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/dense/dense.hpp"
#include "kernels/views/views.hpp"

namespace fedfuse::views {

// The weights as the way forward reads them: packed once, for all blocks and threads.
struct PackedOperators {
  void pack(const Problem& problem);
  std::array<Packed, branches> A, G;
  Packed W1, W2, W_o;
};

// Scratch of one thread, kept from call to call.
class Block {
 public:
  // For blocks of up to `rows` items. problem and weights must outlive the calls that follow.
  void bind(const Problem& problem, const PackedOperators& weights, std::int64_t rows);

  // Items [first, first + n) of F_j to out[j], which points at row 0 (M x d).
  void forward(std::int64_t first, std::int64_t n, const std::array<float*, branches>& out);
  // dL/dF_j of these items is multiplied by `scale` (a power of two). Writes the block's dL/dgamma
  // to `gradient` (laid out as the parameters; the gaps are left alone), and dL/dD to these items'
  // rows of grad_D (M x d), both scaled.
  void backward(std::int64_t first, std::int64_t n, float scale, float* gradient, float* grad_D);

 private:
  void activate(std::int64_t first, std::int64_t n);
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
  [[nodiscard]] const float* at(std::size_t offset) const { return in_->parameters + offset; }
  float* grad(std::size_t offset) { return gradient_ + offset; }

  const Problem* in_ = nullptr;
  const Layout* op_ = nullptr;
  const PackedOperators* weights_ = nullptr;
  float* gradient_ = nullptr;
  std::int64_t first_ = 0, n_ = 0;
  std::vector<std::int32_t> items_;            // first .. first + n
  std::array<Array<float>, branches> copied_;  // features of a block in which some are missing
  Array<float> y_, x_, inverse_sd_;            // n x 3d: normalised;  n x 3d: x;  3 x n
  Array<float> h_, s_;                         // n x 2d, n x 3d: activations of mlp and gate
  Array<float> dx_, dh_, ds_, dF_;             // n x 3d, n x 2d, n x 3d, n x d
};

}  // namespace fedfuse::views
