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
// Of the steps so far.
class Tally {
 public:
  // n: samples; extra: terms of the step's mean loss that are not of a sample; step: or null
  void add(const BatchLoss& loss, double lambda, int n, double extra, float* step) {
    recommendation_ += loss.recommendation;
    distillation_ += loss.distillation;
    const double mean = (loss.recommendation + lambda * loss.distillation) / n + extra;
    all_ += mean * n;
    samples_ += n;
    if (step != nullptr) *step = float(mean);
  }
  void write(Outcome& out) const {
    const double samples = std::max(1.0, samples_);
    out.loss_recommendation = recommendation_ / samples;
    out.loss_distillation = distillation_ / samples;
    out.loss = all_ / samples;
  }

 private:
  double recommendation_ = 0, distillation_ = 0, all_ = 0, samples_ = 0;
};

// Entropy-like constant of KL: t log t + (1 - t) log(1 - t), once a slot.
inline float negative_entropy(float t) {
  const double x = t;
  return float((x > 0 ? x * std::log(x) : 0.0) + (x < 1 ? (1 - x) * std::log1p(-x) : 0.0));
}
inline void negative_entropies(const float* t, int n, float* to) {
  for (int i = 0; i < n; ++i) to[i] = negative_entropy(t[i]);
}

// n entries of a batch of `samples` samples.
struct Entries {
  const float* label;
  int n, samples;
  const std::int32_t* slot = nullptr;  // of each; null: entry i is of slot i
  const float* weight = nullptr;       // samples of each; null: one
};

// The sum of w log(1 + e) over lanes, 0 <= e <= 1. Where each w is 0 or 1: the log of products.
template <bool Weighted>
class SumOfLogs {
 public:
  using Widest = panels::Widest;
  // As many products of at most 2 as a float holds; then end_block.
  static constexpr int block = 100 * panels::lanes;
  void add(Widest w, Widest e) {
    if constexpr (Weighted) {
      sums_.add(w * simd::log_1_to_2(one_ + e));
    } else {
      product_ *= one_ + w * e;
    }
  }
  void end_block() {
    if constexpr (!Weighted) sums_.add(simd::log_above_1(product_));
    product_ = one_;
  }
  [[nodiscard]] double total() const { return sums_.total(); }

 private:
  panels::DoubleSums sums_;
  Widest one_ = simd::splat_as<Widest>(1.0f), product_ = one_;
};

template <bool Weighted, bool Taught>
BatchLoss loss_and_delta_of(const float* s, const Entries& of, const Rates& r, const float* soft,
                            const float* entropy, float* delta) {
  using panels::Widest;
  panels::DoubleSums recommendation, distillation;
  SumOfLogs<Weighted> logs, taught_logs;
  const float inverse = 1.0f / float(of.samples);
  const Widest zero{}, one = simd::splat_as<Widest>(1.0f);
  Widest position;  // of a lane in its vector
  for (int l = 0; l < panels::lanes; ++l) position[l] = float(l);
  const auto add = [&](int i) {
    const int count = std::min(panels::lanes, of.n - i);
    const Widest y = panels::load_first(of.label + i, count);
    Widest samples = position < float(count) ? one : zero;
    if constexpr (Weighted) samples = panels::load_first(of.weight + i, count);
    const Widest x = panels::load(s + i), positive = simd::max(x, zero),
                 e = simd::exp(x - 2.0f * positive),  // of -|x|
        p = (x > zero ? one : e) * simd::reciprocal_1_to_2(one + e);
    Widest g = p - y;
    recommendation.add(samples * (positive - y * x));
    logs.add(samples, e);
    if constexpr (Taught) {
      Widest t{}, constant{};
      for (int l = 0; l < count; ++l) {
        const int at = of.slot != nullptr ? of.slot[i + l] : i + l;
        t[l] = soft[at];
        constant[l] = entropy[at];
      }
      const Widest taught = r.soft_negatives_only ? (y > zero ? zero : one) : one;
      g += r.lambda * taught * (p - t);
      distillation.add(samples * (taught * (constant + positive - t * x)));
      taught_logs.add(samples * taught, e);
    }
    panels::store(delta + i, g * (inverse * samples));
  };
  for (int first = 0; first < of.n; first += logs.block) {
    const int end = std::min(of.n, first + logs.block);
    for (int i = first; i < end; i += panels::lanes) add(i);
    logs.end_block();
    if constexpr (Taught) taught_logs.end_block();
  }
  return {recommendation.total() + logs.total(), distillation.total() + taught_logs.total()};
}

// s, delta: n numbers, padded to whole vectors (s: with finite ones; delta: with zeros). soft,
// entropy: of each slot; read when lambda > 0.
inline BatchLoss loss_and_delta(const float* s, const Entries& of, const Rates& r,
                                const float* soft, const float* entropy, float* delta) {
  const auto run = [&]<bool Weighted> {
    return r.lambda > 0.0f ? loss_and_delta_of<Weighted, true>(s, of, r, soft, entropy, delta)
                           : loss_and_delta_of<Weighted, false>(s, of, r, soft, entropy, delta);
  };
  return of.weight != nullptr ? run.template operator()<true>() : run.template operator()<false>();
}

}  // namespace fedfuse::local_train
