#pragma once
// One seeded client in the flat form that the kernel takes, shared by benchmarks and by tests that
// need no oracle.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

struct CaseShape {
  HeadKind head = HeadKind::linear;
  int d = 64, views = 1;
  bool rows_trained = true, personal = false;
  int positives = 17, negatives_per_positive = 4, epochs = 5, batch = 256;
  double lambda = 0.0;
  bool prior = false;
};

class Case {
 public:
  explicit Case(const CaseShape& shape, std::uint64_t seed = 1);
  // The inputs again: training changes them.
  void reset();
  Outcome run(const Variant& variant);
  [[nodiscard]] Problem problem() const;

 private:
  // Every step is then the whole epoch, in the order of the slots, as kernels/sample has it.
  [[nodiscard]] bool one_batch() const { return slots_ <= options_.batch; }
  CaseShape options_;
  Shape shape_;
  Rates rates_;
  std::vector<std::int32_t> begin_, slot_;
  std::vector<float> label_;
  int slots_ = 0;
  // theta, user, router, rows, personal: one after the other
  Array<float> initial_, values_, soft_, prior_, view_grad_;
  Workspace workspace_;
};

}  // namespace fedfuse::local_train
