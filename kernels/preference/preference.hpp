#pragma once
// What every group thinks of every item (GFMFR, models.md section 3, steps 3 and 4):
//
//   Q_l[i]   = W2 ReLU(W1 [A_g e_l + a_g ; has_t[i] A_t E_t[i] + a_t ; has_v[i] A_v E_v[i] + a_v] +
//            b1) + b2
//   pref_l[i] = sigmoid(w_l . Q_l[i] + b_l)   l < G, i < M
//
// With W1 = [W_g W_t W_v] and v_l = W2^T w_l this is, exactly (src/restructuring.md, R4):
//
//   c_i   = W_t(has_t[i] A_t E_t[i] + a_t) + W_v(has_v[i] A_v E_v[i] + a_v)   2d wide, once an item
//   a_l   = W_g(A_g e_l + a_g) + b1   2d wide, once a group
//   pref_l[i] = sigmoid(v_l . ReLU(a_l + c_i) + w_l . b2 + b_l)
//
// Floors. FLOP an item: 2 d (d_t + d_v) + 8 d^2 for c_i, 8 d for each group; d = 64, d_t = d_v =
// 512, G = 5: 164 k + 2.6 k. Bytes an item: both feature rows read once, one number a group
// written: 4 (d_t + d_v) + 4 G; here 4,116. So 40 FLOP a byte in float: bound by arithmetic on a
// CPU; with half-precision features and tensor cores by the memory. Nothing of size G x M x d is
// ever stored.
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gpu/device.hpp"

namespace fedfuse::preference {

// Items that one thread takes at a time. Cut at multiples of it, a split of the items changes no
// bit.
inline constexpr std::int64_t block_items = 256;

// Flat, row-major; every pointer may point into a device. Weights are [out x in].
struct Problem {
  // M: any number, of one rank's block for instance
  std::int64_t items = 0;
  // d_text or d_image 0: no item has that modality
  std::int64_t groups = 0, d = 0, d_group = 0, d_text = 0, d_image = 0;
  const float* e = nullptr;                    // G x d_group
  const float *A_g = nullptr, *a_g = nullptr;  // d x d_group, d
  const float *A_t = nullptr, *a_t = nullptr;  // d x d_text, d
  const float *A_v = nullptr, *a_v = nullptr;  // d x d_image, d
  const float *W1 = nullptr, *b1 = nullptr;    // 2d x 3d, 2d
  const float *W2 = nullptr, *b2 = nullptr;    // d x 2d, d
  // G x d, G: the groups' mean last layers
  const float *w = nullptr, *b = nullptr;
  const float *text = nullptr, *image = nullptr;                 // M x d_text, M x d_image
  const std::uint8_t *has_text = nullptr, *has_image = nullptr;  // M; null: every item
  // out, G x M: pref_l[i] at l * pref_stride + i
  float* pref = nullptr;
  std::int64_t pref_stride = 0;

  // of the restructured form; a multiply and an add count 1 each
  [[nodiscard]] double flops() const;
  // compulsory: features and weights once, preferences once
  [[nodiscard]] double bytes() const;
  // absolute, of pref against the reference, when logits are of order 1
  [[nodiscard]] double tolerance() const;
};

using Function = void (*)(const Problem&);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  bool (*serves)(const Problem&);  // shapes that it takes; InputError for others
  double rounding;                 // unit roundoff of what it multiplies: of float, or of half
  // Absolute, of pref against the reference. Half: features, encoders, encoded rows and W are
  // rounded independently, sqrt(4) u a product; that moves a logit of order 1 by about 2 u
  // (standard deviation), a preference by a quarter of it. 8 of those for the largest of many.
  [[nodiscard]] double tolerance(const Problem& problem) const {
    return problem.tolerance() + (rounding > 0x1p-20 ? 4 * rounding : 0);
  }
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

void run_cpu(const Problem& problem);
// Naive, in double, in the order of operations of the paper. pref: G x M.
void reference(const Problem& problem, double* pref);

}  // namespace fedfuse::preference
