#include "evaluation/activity.hpp"

#include <algorithm>

namespace fedfuse {

std::vector<std::int32_t> activity_of(const Dataset& data) {
  std::vector<std::int32_t> group;
  for (std::int64_t u = 0; u < data.local_clients(); ++u) {
    const auto n = std::int64_t(data.positives(u).size());
    group.push_back(
        std::int32_t(std::ranges::lower_bound(activity_bounds, n) - activity_bounds.begin()));
  }
  return group;
}

}  // namespace fedfuse
