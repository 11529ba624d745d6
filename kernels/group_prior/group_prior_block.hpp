#pragma once
// A block of items on a CPU: the formulas stand in group_prior.hpp. One thread does a block.
#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/group_prior/gradient_sum.hpp"
#include "kernels/group_prior/group_prior.hpp"
#include "kernels/preference/packed.hpp"

namespace fedfuse::group_prior {

// The parameters as blocks read them, made once a step: U packed, the others of padded width with
// zeros, which add nothing to a logit or a gradient.
struct Operators {
  explicit Operators(const Problem& problem);
  Padded at;
  Packed U;
  Array<float> A, W, b, N;  // G x h; v + V: G x h; G; G
};

// Scratch of one thread. problem and operators must outlive a call.
class Block {
 public:
  explicit Block(const Layout& layout);

  // Items [first, first + n) of L into rows [first, ...) of out (M x G).
  void logits(const Problem& problem, const Operators& operators, std::int64_t first,
              std::int64_t n, float* out);
  // Returns the block's loss; gradient() then holds its gradient as Padded lays it out.
  double gradient(const Problem& problem, const Operators& operators, std::int64_t first,
                  std::int64_t n);
  [[nodiscard]] const Array<float>& gradient() const { return gradient_; }

 private:
  void forward(const Problem& problem, const Operators& operators, std::int64_t first,
               std::int64_t n);
  double slopes(const Problem& problem, const Operators& operators, std::int64_t first,
                std::int64_t n);
  void backward(const Operators& operators, std::int64_t first, std::int64_t n);
  const float* features(const Problem& problem, std::int64_t first, std::int64_t n);

  Padded at_;
  std::int64_t groups_;
  // From row to row of C: an odd number of lines, so that a column of rows does not share the few
  // sets of a cache that a power of two would leave it.
  std::int64_t row_;
  Array<float> C_, gc_;  // U Z of the block; dL/dC: block_items x row_
  Array<float> L_;       // block_items x G: logits, then g
  Array<float> S_, Z_;   // the block's rows, of padded width
  Array<float> gradient_;
};

}  // namespace fedfuse::group_prior
