#pragma once
// Lloyd's k-means from greedy k-means++ starts (Arthur, Vassilvitskii 2007): minimises sum_i |x_i -
// c_g(i)|^2. Several starts by counter-based numbers, the best inertia wins. No group is empty when
// there are at least as many points as groups, not even when points coincide: an empty one takes
// the point that lies farthest from its centre.
#include <cstdint>
#include <vector>

#include "core/rng.hpp"
#include "kernels/kmeans/points.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

struct KMeans {
  std::vector<std::int32_t> group;  // n
  Points centres;                   // groups x columns: means of the members
  double inertia = 0.0;
};

// points: n x c, n >= groups >= 1. Starts: 10, fewer (>= 3) where they would cost more than a few
// seconds.
[[nodiscard]] KMeans kmeans(const Points& points, std::int64_t groups, const Rng& rng,
                            kmeans::StepFunction step = kmeans::step_production().run);
// The same, asking `set` (the points again, wherever they lie) for distances and Lloyd's steps.
[[nodiscard]] KMeans kmeans(const Points& points, kmeans::PointSet& set, std::int64_t groups,
                            const Rng& rng);

// Candidates for the next centre, of which a start takes the best.
[[nodiscard]] int seed_candidates(std::int64_t groups);

// groups x c means of the members; a group without members has a zero row.
[[nodiscard]] Points group_means(const Points& points, const std::vector<std::int32_t>& group,
                                 std::int64_t groups);

}  // namespace fedfuse::grouping
