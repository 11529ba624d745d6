#include <utility>

#include "kernels/kmeans/points.hpp"

namespace fedfuse::kmeans {

Lloyd lloyd(PointSet& points, std::vector<double> centres, std::int64_t groups) {
  constexpr int most_iterations = 100;
  Lloyd result{{}, std::move(centres), 0.0};
  StepResult next;
  for (int iteration = 0; iteration < most_iterations; ++iteration) {
    points.step(result.centres.data(), groups, next);
    const bool same = next.group == result.group;
    result.inertia = next.inertia;
    std::swap(result.group, next.group);
    std::swap(result.centres, next.centres);
    if (same) break;
  }
  return result;
}

}  // namespace fedfuse::kmeans
