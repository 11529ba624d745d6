#pragma once
// Seeded inputs of the teacher kernel, shared by its test and its benchmark.
#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/teacher/teacher.hpp"

namespace fedfuse::teacher {

struct CaseShape {
  Shape shape;
  std::int64_t groups = 0;  // with a target
  Batching batching;
  bool adam = true;
  double missing = 0.0;  // share of items without text, and without image
  double lr = 1e-2;
};

// Owns the arrays of one Problem. Weights are scaled by their fan-in; Adam's moments are those of
// steps taken before.
class Case {
 public:
  explicit Case(const CaseShape& shape, std::uint64_t seed = 1);
  [[nodiscard]] Problem problem();
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const Parameters& start() const { return start_; }
  Array<float> values, m, v;  // of the problem: a run changes them
  float steps = 0;

 private:
  CaseShape shape_;
  Parameters start_;
  Array<float> text_, image_;
  std::vector<std::uint8_t> has_text_, has_image_;
  std::vector<Matrix<float>> targets_;
  std::vector<const float*> pointers_;
  std::vector<std::int32_t> order_;
};

// Every kind of size: one item and many, ragged last batches, one group and more than a block's
// rows, absent modalities, missing ones, embeddings that no group uses.
[[nodiscard]] std::vector<CaseShape> shapes_to_test();

}  // namespace fedfuse::teacher
