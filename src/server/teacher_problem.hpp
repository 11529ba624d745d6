#pragma once
// What the kernels of the teacher and of the preferences ask for, from the options and the data.
#include "core/config.hpp"
#include "data/dataset.hpp"
#include "kernels/preference/preference.hpp"
#include "kernels/teacher/teacher_net.hpp"
#include "model/spec.hpp"

namespace fedfuse {

[[nodiscard]] inline teacher::Shape sizes_of(const GfmfrOptions& o, const ModelSpec& spec,
                                             const Dataset& data) {
  // an adaptive G uses the first of them
  return {.groups = spec.most_groups,
          .items = data.items,
          .d = spec.d,
          .d_group = o.group_dim,
          .d_text = data.text.cols,
          .d_image = data.image.cols};
}

[[nodiscard]] inline teacher::Features features_of(const Dataset& data) {
  const auto values = [](const Matrix<float>& m) { return m.cols > 0 ? m.data() : nullptr; };
  const auto mask = [](const std::vector<std::uint8_t>& has) {
    return has.empty() ? nullptr : has.data();
  };
  return {values(data.text), values(data.image), mask(data.has_text), mask(data.has_image)};
}

// Those from row `first` on.
[[nodiscard]] inline teacher::Features from_row(const teacher::Features& all,
                                                const teacher::Shape& shape, std::int64_t first) {
  const auto from = [&](const auto* values, std::int64_t cols) {
    return values == nullptr ? nullptr : values + first * cols;
  };
  return {from(all.text, shape.d_text), from(all.image, shape.d_image), from(all.has_text, 1),
          from(all.has_image, 1)};
}

[[nodiscard]] inline teacher::Batching batching_of(const TeacherOptions& o) {
  return {o.batches == TeacherBatches::items, o.batch};
}

// What preferences need to know of the items; the most groups.
[[nodiscard]] inline preference::Problem problem_of(const teacher::Shape& s,
                                                    const teacher::Features& f) {
  preference::Problem p;
  p.items = s.items;
  p.groups = s.groups;
  p.d = s.d;
  p.d_group = s.d_group;
  p.d_text = s.d_text;
  p.d_image = s.d_image;
  p.text = f.text;
  p.image = f.image;
  p.has_text = f.has_text;
  p.has_image = f.has_image;
  return p;
}

}  // namespace fedfuse
