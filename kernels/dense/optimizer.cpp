#include "kernels/dense/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t chunk = std::int64_t(1) << 15;  // a tail is never vectorised, so where chunks end must not depend on threads

struct AdamFactors {
  float rate, inverse_root;  // lr / (1 - b1^t), 1 / sqrt(1 - b2^t)
};

// Moments that no longer count are set to 0 before they become denormal: those cost a hundred cycles each.
inline float without_dust(float x, float dust) { return std::abs(x) < dust ? 0.0f : x; }

void adam_chunk(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v, std::int64_t n, AdamFactors f) {
  constexpr float b1 = 0.9f, b2 = 0.999f, eps = 1e-8f;
  constexpr float c1 = float(1 - 0.9), c2 = float(1 - 0.999);
  for (std::int64_t i = 0; i < n; ++i) {
    const float mi = without_dust(b1 * m[i] + c1 * g[i], 1e-30f);
    const float vi = without_dust(b2 * v[i] + c2 * g[i] * g[i], 1e-36f);
    m[i] = mi;
    v[i] = vi;
    p[i] -= f.rate * mi / (std::sqrt(vi) * f.inverse_root + eps);
  }
}

void sgd_chunk(float* __restrict p, const float* __restrict g, std::int64_t n, float lr) {
  for (std::int64_t i = 0; i < n; ++i) p[i] -= lr * g[i];
}

}  // namespace

std::size_t Parameters::add(const std::string& name, std::int64_t rows, std::int64_t cols) {
  constexpr std::size_t line = 16;
  entries_.push_back({name, rows, cols, values.size()});
  values.resize((values.size() + std::size_t(rows * cols) + line - 1) / line * line, 0.0f);
  return entries_.back().at;
}

std::int64_t Parameters::count() const {
  std::int64_t n = 0;
  for (const auto& entry : entries_) n += entry.rows * entry.cols;
  return n;
}

Optimizer::Optimizer(const std::string& kind, double lr, std::size_t size) : adam_(kind == "adam"), lr_(float(lr)), size_(size) {
  FEDFUSE_CHECK(adam_ || kind == "sgd", "the optimizer is neither adam nor sgd");
  if (!adam_) return;
  m_.assign(size, 0.0f);
  v_.assign(size, 0.0f);
}

void Optimizer::step(std::span<float> values, std::span<const float> gradient) {
  FEDFUSE_CHECK(values.size() == size_ && gradient.size() == size_, "the optimizer was made for another number of parameters");
  AdamFactors factors{0, 0};
  if (adam_) {
    steps_[0] += 1.0f;
    const double t = steps_[0];
    factors = {float(lr_ / (1 - std::pow(0.9, t))), float(1 / std::sqrt(1 - std::pow(0.999, t)))};
  }
  const auto n = std::int64_t(size_);
#pragma omp parallel for schedule(static) if (n > 32 * chunk)
  for (std::int64_t at = 0; at < n; at += chunk) {
    const auto count = std::min(chunk, n - at);
    if (adam_)
      adam_chunk(values.data() + at, gradient.data() + at, m_.data() + at, v_.data() + at, count, factors);
    else
      sgd_chunk(values.data() + at, gradient.data() + at, count, lr_);
  }
}

void name_parameters(std::map<std::string, std::span<float>>& names, Parameters& parameters, Optimizer& optimizer) {
  const auto part = [](std::span<float> all, const Parameters::Entry& e) { return all.subspan(e.at, e.size()); };
  for (const auto& entry : parameters.entries()) {
    if (entry.size() == 0) continue;  // the encoder of a modality that the data do not have
    names[entry.name] = part(parameters.values, entry);
    if (optimizer.first_moment().empty()) continue;
    names[entry.name + ".m"] = part(optimizer.first_moment(), entry);
    names[entry.name + ".v"] = part(optimizer.second_moment(), entry);
  }
  if (!optimizer.steps().empty()) names["steps"] = optimizer.steps();
}

}  // namespace fedfuse
