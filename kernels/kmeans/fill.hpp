#pragma once
// No group stays empty: an empty one takes the farthest point of a group with company.
#include <cstdint>
#include <vector>

namespace fedfuse::kmeans {

struct Moved {
  std::int64_t point;
  std::int32_t from, to;
  double distance;  // D of the point, before it moved
};

// group, distance: of each point; both are changed. Returns the points that moved, in order. At
// least as many points as groups.
inline std::vector<Moved> fill_empty_groups(std::vector<std::int32_t>& group, double* distance,
                                            std::int64_t groups) {
  std::vector<std::int64_t> size(std::size_t(groups), 0);
  for (const auto g : group) ++size[std::size_t(g)];
  std::vector<Moved> moved;
  for (std::int64_t empty = 0; empty < groups; ++empty) {
    if (size[std::size_t(empty)] > 0) continue;
    std::int64_t farthest = -1;
    for (std::int64_t i = 0; i < std::int64_t(group.size()); ++i)
      if (size[std::size_t(group[std::size_t(i)])] > 1 &&
          (farthest < 0 || distance[i] > distance[farthest]))
        farthest = i;
    auto& g = group[std::size_t(farthest)];
    moved.push_back({farthest, g, std::int32_t(empty), distance[farthest]});
    --size[std::size_t(g)];
    ++size[std::size_t(empty)];
    g = std::int32_t(empty);
    distance[farthest] = 0.0;
  }
  return moved;
}

}  // namespace fedfuse::kmeans
