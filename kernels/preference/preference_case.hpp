#pragma once
// Seeded inputs of the preference kernel, shared by its test and its benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {

struct Shape {
  std::int64_t items = 0, groups = 5, d = 64, d_text = 512, d_image = 512, d_group = 512;
  double missing = 0.0;  // share of items without text, and without image
  // features and weights of the encoders multiples of 1/2, W of 1/16: small sums are exact in half
  // precision
  bool exact_in_half = false;
};

// Owns the arrays of one Problem. Weights are scaled by their fan-in, so that logits are of order 1
// at any size.
class Case {
 public:
  explicit Case(const Shape& shape, std::uint64_t seed = 1);
  [[nodiscard]] Problem problem();
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const Array<float>& pref() const { return pref_; }
  Array<float>& pref() { return pref_; }

 private:
  Shape shape_;
  Array<float> e_, A_g_, a_g_, A_t_, a_t_, A_v_, a_v_, W1_, b1_, W2_, b2_, w_, b_, text_, image_,
      pref_;
  std::vector<std::uint8_t> has_text_, has_image_;
};

// Every kind of size: a single item, ragged ends, one group and many, absent modalities, missing
// ones.
[[nodiscard]] std::vector<Shape> shapes_to_test();

}  // namespace fedfuse::preference
