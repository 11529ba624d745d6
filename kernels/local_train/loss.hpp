#pragma once
// R6: BCE(p, y) + lambda KL(t || p) is one soft label. delta = (p - y + lambda (p - t)) / n, and
// the two losses.
#include <cmath>

#include "core/simd.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

struct BatchLoss {
  double recommendation = 0, distillation = 0;  // sums over the batch
};

// Entropy-like constant of KL: t log t + (1 - t) log(1 - t), once a slot.
inline float negative_entropy(float t) {
  const double x = t;
  return float((x > 0 ? x * std::log(x) : 0.0) + (x < 1 ? (1 - x) * std::log1p(-x) : 0.0));
}

// s: n scores, padded to a multiple of 8. soft, entropy: of each entry's slot; read when lambda >
// 0.
inline BatchLoss loss_and_delta(const float* s, const std::int32_t* slot, const float* label, int n,
                                const Rates& r, const float* soft, const float* entropy,
                                float* delta) {
  using namespace simd;
  BatchLoss sum;
  const float inverse = 1.0f / float(n);
  for (int i = 0; i < n; i += lanes) {
    const Float8 x = load(s + i);
    const Float8 magnitude = x > splat(0.0f) ? x : -x;
    const Float8 e = exp(-magnitude), one = splat(1.0f);
    const Float8 p = (x > splat(0.0f) ? one : e) / (one + e);
    const Float8 softplus = max(x, splat(0.0f)) + log_1_to_2(one + e);
    for (int k = 0; k < std::min(lanes, n - i); ++k) {
      const float y = label[i + k];
      float g = p[k] - y;
      sum.recommendation += double(softplus[k]) - double(y) * x[k];
      if (r.lambda > 0.0f && !(r.soft_negatives_only && y > 0.0f)) {
        const float t = soft[slot[i + k]];
        g += r.lambda * (p[k] - t);
        sum.distillation += double(entropy[slot[i + k]]) + softplus[k] - double(t) * x[k];
      }
      delta[i + k] = g * inverse;
    }
  }
  return sum;
}

}  // namespace fedfuse::local_train
