#pragma once
// The server's optimizers and the flat store of the parameters that they move.
//   sgd    p <- p - lr g
//   adam   m <- b1 m + (1 - b1) g   v <- b2 v + (1 - b2) g^2   (Kingma and Ba; PyTorch's defaults)
//          p <- p - lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)   b1 = 0.9, b2 = 0.999, eps =
//            1e-8
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/config/optimizer.hpp"
#include "core/matrix.hpp"

namespace fedfuse {

// Named matrices in one flat array, each on its own 64-byte line (the gaps stay 0).
class Parameters {
 public:
  struct Entry {
    std::string name;
    std::int64_t rows = 0, cols = 0;
    std::size_t at = 0;  // of its first element in values
    [[nodiscard]] std::size_t size() const { return std::size_t(rows * cols); }
  };
  // Appends a rows x cols matrix of zeros; returns where it stands.
  std::size_t add(const std::string& name, std::int64_t rows, std::int64_t cols);
  [[nodiscard]] std::int64_t count() const;  // numbers, without the gaps
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] float* at(std::size_t offset) { return values.data() + offset; }
  [[nodiscard]] const float* at(std::size_t offset) const { return values.data() + offset; }

  Array<float> values;

 private:
  std::vector<Entry> entries_;
};

// Adam's state: m and v have a number for each that moves, steps one number; null: sgd.
struct OptimizerState {
  float *m = nullptr, *v = nullptr, *steps = nullptr;
};
// One step. Element by element, in chunks of fixed size: the same bits for any number of threads.
void optimizer_step(float lr, const OptimizerState& state, std::span<float> values,
                    std::span<const float> gradient);

// FLOP of a step for each number that it moves
[[nodiscard]] constexpr double flops_a_number(bool adam) { return adam ? 12.0 : 2.0; }

class Optimizer {
 public:
  Optimizer() = default;
  // size: how many numbers it will move.
  Optimizer(OptimizerKind kind, double lr, std::size_t size);
  void step(std::span<float> values, std::span<const float> gradient);

  // Adam's state, to be saved and restored; empty for sgd. steps is a whole number; beyond 2^24 it
  // stands still, where 1 - b^t is 1 to the last bit anyway.
  [[nodiscard]] std::span<float> first_moment() { return m_; }
  [[nodiscard]] std::span<float> second_moment() { return v_; }
  [[nodiscard]] std::span<float> steps() {
    return adam_ ? std::span<float>(steps_) : std::span<float>();
  }
  [[nodiscard]] double step_flops() const { return flops_a_number(adam_) * double(size_); }
  [[nodiscard]] OptimizerState state() {
    return adam_ ? OptimizerState{m_.data(), v_.data(), steps_.data()} : OptimizerState{};
  }

 private:
  bool adam_ = false;
  float lr_ = 0;
  std::size_t size_ = 0;
  Array<float> m_, v_;
  std::array<float, 1> steps_{0};
};

// The parameters by name, and the optimizer's state beside them: X.m, X.v for each X, and `steps`.
void name_parameters(std::map<std::string, std::span<float>>& names, Parameters& parameters,
                     Optimizer& optimizer);

}  // namespace fedfuse
