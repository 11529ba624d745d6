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

// s, delta: n numbers, padded to whole vectors (s: with finite ones). soft, entropy: of each
// entry's slot; read when lambda > 0.
inline BatchLoss loss_and_delta(const float* s, const std::int32_t* slot, const float* label, int n,
                                const Rates& r, const float* soft, const float* entropy,
                                float* delta) {
  using panels::Widest;
  panels::DoubleSums recommendation, distillation;
  const float inverse = 1.0f / float(n);
  const Widest zero{}, one = simd::splat_as<Widest>(1.0f);
  Widest position;  // of a lane in its vector
  for (int l = 0; l < panels::lanes; ++l) position[l] = float(l);
  for (int i = 0; i < n; i += panels::lanes) {
    const int count = std::min(panels::lanes, n - i);
    const Widest y = panels::load_first(label + i, count),
                 inside = position < float(count) ? one : zero;
    const Widest x = panels::load(s + i), e = simd::exp(x > zero ? -x : x),
                 p = (x > zero ? one : e) / (one + e), log = simd::log_1_to_2(one + e);
    const auto loss = [&](Widest target) { return simd::max(x, zero) - target * x + log; };
    Widest g = p - y;
    recommendation.add(inside * loss(y));
    if (r.lambda > 0.0f) {
      Widest t{}, constant{};
      for (int l = 0; l < count; ++l) {
        t[l] = soft[slot[i + l]];
        constant[l] = entropy[slot[i + l]];
      }
      const Widest taught = r.soft_negatives_only ? (y > zero ? zero : inside) : inside;
      g += r.lambda * taught * (p - t);
      distillation.add(taught * (constant + loss(t)));
    }
    panels::store(delta + i, g * inverse);
  }
  return {recommendation.total(), distillation.total()};
}

}  // namespace fedfuse::local_train
