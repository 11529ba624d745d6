#pragma once
// R6: BCE(p, y) + lambda KL(t || p) is one soft label. delta = (p - y + lambda (p - t)) / n, and
// the two losses.
#include <algorithm>
#include <cmath>

#include "core/panels.hpp"
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

// s, delta: n numbers, padded to a multiple of 8 (s: with finite ones). soft, entropy: of each
// entry's slot; read when lambda > 0.
inline BatchLoss loss_and_delta(const float* s, const std::int32_t* slot, const float* label, int n,
                                const Rates& r, const float* soft, const float* entropy,
                                float* delta) {
  using namespace simd;
  panels::DoubleSums recommendation, distillation;
  const float inverse = 1.0f / float(n);
  const Float8 zero = splat(0.0f), one = splat(1.0f);
  for (int i = 0; i < n; i += lanes) {
    const int count = std::min(lanes, n - i);
    Float8 y{}, inside = one;
    if (count == lanes) {
      y = load(label + i);
    } else {
      for (int l = 0; l < lanes; ++l) inside[l] = l < count ? 1.0f : 0.0f;
      for (int l = 0; l < count; ++l) y[l] = label[i + l];
    }
    const Float8 x = load(s + i), e = exp(x > zero ? -x : x), p = (x > zero ? one : e) / (one + e),
                 log = log_1_to_2(one + e);
    const auto loss = [&](Float8 target) { return max(x, zero) - target * x + log; };
    Float8 g = p - y;
    recommendation.add(inside * loss(y));
    if (r.lambda > 0.0f) {
      Float8 t{}, constant{};
      for (int l = 0; l < count; ++l) {
        t[l] = soft[slot[i + l]];
        constant[l] = entropy[slot[i + l]];
      }
      const Float8 taught = r.soft_negatives_only ? (y > zero ? zero : inside) : inside;
      g += r.lambda * taught * (p - t);
      distillation.add(taught * (constant + loss(t)));
    }
    store(delta + i, g * inverse);
  }
  return {recommendation.total(), distillation.total()};
}

}  // namespace fedfuse::local_train
