#pragma once
// A run of 1,500 items (six blocks, the last one ragged) whose work can be counted by hand.
#include "core/rows.hpp"
#include "server/federation.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse::test::work {

inline constexpr std::int64_t d = 8, epochs = 2, per_positive = 20, groups = 3, group_dim = 6,
                              teacher_epochs = 2, dim_text = 12, dim_image = 8, items = 1500;

inline GenerateOptions many_items() {
  auto o = SmallData::default_options();
  o.users = 48;
  o.items = items;
  o.missing = 0;
  return o;
}

inline Config config_of(const std::string& fusion) {
  Config c;
  c.model.backbone = "fcf";
  c.model.fusion = fusion;
  c.model.dim = d;
  c.federation.local_epochs = epochs;
  c.federation.negatives_per_positive = per_positive;
  c.federation.lr = 0.01;
  c.federation.lr_items = 0.1;
  c.federation.lr_items_server = 1;
  c.federation.seed = 5;
  c.gfmfr.groups = groups;
  c.gfmfr.group_dim = group_dim;
  c.gfmfr.teacher.epochs = teacher_epochs;
  c.gfmfr.teacher.hidden = 16;
  c.prior.groups = groups;
  c.execution.uploads = UploadMode::store;
  return c;
}

// FLOP of the teacher (restructuring.md).
inline std::int64_t teacher_parameters() {
  return groups * group_dim + d * (group_dim + dim_text + dim_image) + 8 * d * d + 6 * d;
}
inline std::int64_t of_slots(std::int64_t slots, std::int64_t batches) {
  const auto slot = 4 * d * (dim_text + dim_image) + 24 * d * d, pair = 12 * d * d,
             group = 6 * d * group_dim + 12 * d * d;
  return slots * (slot + groups * pair) + batches * groups * group;
}
inline std::int64_t of_preferences(std::int64_t rows) {
  return rows * (2 * d * (dim_text + dim_image) + 8 * d * d + 8 * d * groups) +
         groups * (2 * d * group_dim + 8 * d * d);
}

}  // namespace fedfuse::test::work
