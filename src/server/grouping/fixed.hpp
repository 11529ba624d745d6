#pragma once
// Strategies that look at no vector: --group-by random (the ablation) and labels.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"

namespace fedfuse::grouping {

struct FixedGroups {
  std::vector<std::int32_t> group;  // of each participant of this rank
  std::int64_t groups = 0;
};

// For the whole run: each run of `groups` consecutive client ids is dealt to the groups in a random
// order of its own. So the groups are balanced, and none is empty when all clients take part.
[[nodiscard]] FixedGroups random_groups(const Config& config, std::span<const std::int32_t> ids);

// Collective. A label is a group. When all clients take part, labels are numbered densely in
// ascending order, and there are as many groups as labels. When only a fraction does, the label
// itself is the number (the set of participants must not change it) and there are --groups groups.
// InputError when a participant has no label, or when there are more labels than --groups.
[[nodiscard]] FixedGroups label_groups(const Config& config, std::span<const std::int32_t> ids,
                                       std::span<const std::int32_t> labels, const Comm& comm);

}  // namespace fedfuse::grouping
