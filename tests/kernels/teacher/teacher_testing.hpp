#pragma once
// What a variant made of a case: shared by the tests of the teacher.
#include <algorithm>
#include <string_view>

#include "kernels/teacher/teacher_case.hpp"
#include "kernels/teacher/teacher_net.hpp"

namespace fedfuse::teacher {

struct Result {
  double loss = 0;
  Array<float> values, m, v;
  float steps = 0;
  bool operator==(const Result&) const = default;
};

inline Result run(const Variant& variant, Case&& c) {
  Workspace workspace;
  const double loss = variant.run(c.problem(), workspace);
  return {loss, c.values, c.m, c.v, c.steps};
}
inline Result run(const Variant& variant, const CaseShape& shape) {
  return run(variant, Case(shape));
}

inline const Variant& variant(std::string_view name) {
  return *std::ranges::find(variants(), name, &Variant::name);
}

}  // namespace fedfuse::teacher
