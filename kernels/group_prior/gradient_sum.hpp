#pragma once
// R7 for the teacher's gradient: sums of blocks of items that no order of blocks, threads or ranks
// changes, in one 64-bit word a number, x = word * unit.
//
// The unit. sum_l sum_i |g_l[i]| <= 1, because |g_l[i]| <= (S_l[i] + N_l) / total. So the parts of
// all blocks together are at most
//
//   B = max( max |v + V| max |Z[i]|,  max |Z[i]| max |U_k| + max |A|,  1 )
//
// in size (dU; dV; db and the factor of dA), whatever the number of items and blocks. unit = 2^-51
// B', B' the next power of two above B: no sum overflows, and a word holds 51 bits below B. B is
// about 2^7 as training starts, so the unit is about 2^-44: a part of size 2^-20 keeps its 24 bits,
// and rounding is a hundred thousand times smaller than Adam's epsilon (2^-27), below which a
// gradient moves nothing.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "kernels/group_prior/group_prior.hpp"

namespace fedfuse::group_prior {

// Widths that kernels work with: whole panels of 16 hidden units and features, pairs of groups.
struct Padded {
  explicit Padded(const Layout& layout);
  std::int64_t P, h, G;
  // A block's gradient in one array, all of padded width: U (h x P); A (G x h), without the factor
  // v + V; V (G x h); b (G).
  std::size_t U, A, V, b, size;
};

// A power of two, the same on every rank; 0 where the parameters are not finite or so large that
// no unit serves.
[[nodiscard]] double sum_unit(const Problem& problem);

class GradientSum {
 public:
  explicit GradientSum(const Layout& layout);

  // All sums become 0. unit: of sum_unit().
  void start(double unit);
  // A block's gradient, as Padded lays it out, and its loss. False when a number is not finite or
  // beyond the bound: the sum is then worthless.
  [[nodiscard]] bool add(std::span<const float> part, double loss);
  void merge(const GradientSum& other);
  // Collective: over the ranks. How many ranks gave `flag`.
  [[nodiscard]] std::int64_t reduce(const Comm& comm, std::int64_t flag);
  // The gradient as the layout has it, dv and the factor of dA included; gaps are not written.
  void decode(const Problem& problem, std::span<float> gradient) const;
  [[nodiscard]] double loss() const;
  [[nodiscard]] double unit() const { return unit_; }

 private:
  Padded at_;
  double unit_ = 1.0;
  std::vector<std::int64_t> words_;  // then loss and flags
};

}  // namespace fedfuse::group_prior
