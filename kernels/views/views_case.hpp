#pragma once
// Seeded inputs for the views, shared by test and benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/views/views.hpp"

namespace fedfuse::views {

struct CaseShape {
  std::int64_t items = 0;
  Shape shape{64, 512, 512, {View::sum, View::mlp, View::gate}};
  bool missing = true;      // a fifth of the items has no text, another no image
  float grad_scale = 0.5f;  // of dL/dF
  std::uint64_t seed = 1;
};

// Owns the arrays of one Problem. Weights are scaled by their fan-in, biases and layer norms are
// moved away from 0 and 1.
struct Case {
  explicit Case(const CaseShape& shape);
  [[nodiscard]] Problem problem() const;
  [[nodiscard]] std::string name() const;

  CaseShape shape;
  Layout layout;
  Array<float> parameters;
  std::array<Array<float>, branches> features, view_grad;
  std::array<std::vector<std::uint8_t>, branches> has;
};

}  // namespace fedfuse::views
