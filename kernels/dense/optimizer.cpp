#include "kernels/dense/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "kernels/dense/adam.hpp"

namespace fedfuse {
namespace {

// a tail is never vectorised, so where chunks end must not depend on threads
constexpr std::int64_t chunk = std::int64_t(1) << 15;

void adam_chunk(float* __restrict p, const float* __restrict g, float* __restrict m,
                float* __restrict v, std::int64_t n, AdamFactors f) {
  for (std::int64_t i = 0; i < n; ++i) adam_step(p[i], m[i], v[i], g[i], f);
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

Optimizer::Optimizer(OptimizerKind kind, double lr, std::size_t size)
    : adam_(kind == OptimizerKind::adam), lr_(float(lr)), size_(size) {
  if (!adam_) return;
  m_.assign(size, 0.0f);
  v_.assign(size, 0.0f);
}

void optimizer_step(float lr, const OptimizerState& state, std::span<float> values,
                    std::span<const float> gradient) {
  const bool adam = state.steps != nullptr;  // of no number, too
  AdamFactors factors;
  if (adam) {
    *state.steps += 1.0f;
    factors = adam_factors(lr, *state.steps);
  }
  const auto n = std::int64_t(values.size());
#pragma omp parallel for schedule(static) if (n > 32 * chunk)
  for (std::int64_t at = 0; at < n; at += chunk) {
    const auto count = std::min(chunk, n - at);
    if (adam)
      adam_chunk(values.data() + at, gradient.data() + at, state.m + at, state.v + at, count,
                 factors);
    else
      sgd_chunk(values.data() + at, gradient.data() + at, count, lr);
  }
}

void Optimizer::step(std::span<float> values, std::span<const float> gradient) {
  FEDFUSE_CHECK(values.size() == size_ && gradient.size() == size_,
                "the optimizer was made for another number of parameters");
  optimizer_step(lr_, state(), values, gradient);
}

void name_parameters(std::map<std::string, std::span<float>>& names, Parameters& parameters,
                     Optimizer& optimizer) {
  const auto part = [](std::span<float> all, const Parameters::Entry& e) {
    return all.subspan(e.at, e.size());
  };
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
