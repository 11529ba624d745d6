#pragma once
// Points that k-means reads in every iteration, in host memory or on a device, and Lloyd's loop
// over them.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kmeans/feed.hpp"
#include "kernels/kmeans/kmeans.hpp"

namespace fedfuse::kmeans {

class PointSet {
 public:
  PointSet() = default;
  virtual ~PointSet() = default;
  PointSet(const PointSet&) = delete;
  PointSet& operator=(const PointSet&) = delete;

  // out: rows.size() x N, |z_i - z_r|^2; exactly 0 where the points are equal.
  virtual void distances(std::span<const std::int64_t> rows, double* out) = 0;
  // centres: groups x columns. One iteration; no group of out is empty.
  virtual void step(const double* centres, std::int64_t groups, StepResult& out) = 0;
};

// points: count x columns, which must outlive it. run: the kernel that takes a step.
[[nodiscard]] std::unique_ptr<PointSet> points_on_host(const double* points, std::int64_t count,
                                                       std::int64_t columns,
                                                       StepFunction run = step_production().run);
// Up to 1 GiB of points stay on the device, more of them pass through it in every step. At most
// most_groups centres and most_rows rows at once.
inline constexpr FeedLimits point_limits{0, std::int64_t(1) << 30};
[[nodiscard]] std::unique_ptr<PointSet> points_on_device(const std::shared_ptr<gpu::Device>& device,
                                                         const double* points, std::int64_t count,
                                                         std::int64_t columns,
                                                         std::int64_t most_groups,
                                                         std::int64_t most_rows,
                                                         const FeedLimits& limits = point_limits);
// Device memory that it holds.
[[nodiscard]] std::int64_t points_device_bytes(std::int64_t count, std::int64_t columns,
                                               std::int64_t most_groups, std::int64_t most_rows,
                                               const FeedLimits& limits = point_limits);

struct Lloyd {
  std::vector<std::int32_t> group;
  std::vector<double> centres;  // groups x columns: means of the members
  double inertia = 0;           // of the last step
};
// From these centres until no point changes its group, at most 100 steps.
[[nodiscard]] Lloyd lloyd(PointSet& points, std::vector<double> centres, std::int64_t groups);

}  // namespace fedfuse::kmeans
