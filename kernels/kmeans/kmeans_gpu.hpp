#pragma once
// k-means on a device. Everything is added up in double: points are many, groups few, so that
// memory (or the link that feeds it) is the floor and not the arithmetic, and the groups are those
// of the host but for ties within rounding. A point's sum runs over its columns in order, and sums
// over points are integers (R7): chunks, launches, ranks and the order of threads decide nothing.
//
// Floors, a point of p columns: 4 p bytes (nearest; 8 p a step) read once; p (G + 1) operations in
// double (2 p G). For groups beyond 64 the points are read once for each 64.
#include <cstdint>
#include <type_traits>
#include <vector>

#include "core/gpu/device.hpp"
#include "kernels/kmeans/kmeans.hpp"

namespace fedfuse::kmeans {

inline constexpr int gpu_threads = 128, points_a_thread = 2, stages = 3, stage_units = 4,
                     unit_bytes = 16;
// of a point in a stage: eight lanes that read 16 bytes each meet all banks once
inline constexpr int row_bytes = (stage_units + 1) * unit_bytes;

// How the groups are spread: a thread scores some of them for two points, `slices` threads share a
// point, and beyond 64 there is another pass.
struct GpuPlan {
  int a_thread = 4, slices = 1, passes = 1;
  [[nodiscard]] constexpr int width() const { return a_thread * slices; }  // groups of a pass
  [[nodiscard]] constexpr int tile_points() const { return points_a_thread * gpu_threads / slices; }
};
[[nodiscard]] constexpr GpuPlan gpu_plan(std::int64_t groups) {
  if (groups <= 16) return {groups <= 4 ? 4 : 8, groups <= 8 ? 1 : 2, 1};
  return {16, groups <= 32 ? 2 : 4, int((groups + 63) / 64)};
}

// Doubles before the groups' numbers in a row of the table: float points have their mean
// subtracted.
template <class T>
inline constexpr int table_head = std::is_same_v<T, float> ? 2 : 0;
template <class T>
[[nodiscard]] constexpr int table_pitch(const GpuPlan& plan) {
  return table_head<T> + plan.width();
}
// Doubles of the table: passes x padded columns x (mean, 0 for float; then the groups of the pass).
template <class T>
[[nodiscard]] constexpr std::int64_t table_size(const GpuPlan& plan, std::int64_t padded_columns) {
  return plan.passes * padded_columns * table_pitch<T>(plan);
}

// Of one launch. Float points: s_g + sum_j W_jg (x_ij - m_j); double points: sum_j (z_ij - c_gj)^2.
template <class T>
struct GpuPoints {
  // stride: padded columns, whole units of 16 bytes, zero behind the last column
  std::int64_t count = 0, stride = 0;
  const T* points = nullptr;
  GpuPlan plan;
  int groups = 0;
  const double* table = nullptr;  // table_size
  // passes x width: s_g, 0 for double points; infinite where there is no group
  const double* start = nullptr;
  // Each null where it is not wanted.
  std::int32_t* group = nullptr;  // count
  double* distance = nullptr;     // count: the least score
  double* all = nullptr;          // groups x all_stride: every score
  std::int64_t all_stride = 0;
  // Of a step: sums[g columns + j] += round(z_ij scale), sizes[g] += 1, inertia[0] += round(D_i
  // inertia_scale).
  std::int64_t columns = 0;
  std::int64_t *sums = nullptr, *sizes = nullptr, *inertia = nullptr;
  double scale = 0, inertia_scale = 0;
};

// Asynchronous on the stream.
template <class Platform>
void score_points(const GpuPoints<float>& points, const gpu::Stream& stream);
template <class Platform>
void score_points(const GpuPoints<double>& points, const gpu::Stream& stream);
template <>
void score_points<gpu::Cuda>(const GpuPoints<float>&, const gpu::Stream&);
template <>
void score_points<gpu::Cuda>(const GpuPoints<double>&, const gpu::Stream&);
template <>
void score_points<gpu::Emulated>(const GpuPoints<float>&, const gpu::Stream&);
template <>
void score_points<gpu::Emulated>(const GpuPoints<double>&, const gpu::Stream&);

// What the host makes of a nearest-centre problem for the device.
struct GpuTable {
  std::vector<double> values, start;
};
[[nodiscard]] GpuTable nearest_table(const Nearest& problem);
// centres: groups x columns
[[nodiscard]] GpuTable distance_table(const double* centres, std::int64_t groups,
                                      std::int64_t columns);

// Points in host memory, chunk by chunk through pinned memory; group: of the host.
// rows: of a chunk
void nearest_on(const std::shared_ptr<gpu::Device>& device, const Nearest& problem,
                std::int32_t* group, std::int64_t rows = 0);
// Device memory that it takes, at most.
[[nodiscard]] std::int64_t nearest_device_bytes(std::int64_t count, std::int64_t columns,
                                                std::int64_t groups, std::int64_t rows = 0);

// A whole problem that lies on a device: benchmarks.
class NearestOnDevice {
 public:
  NearestOnDevice(const std::shared_ptr<gpu::Device>& device, const Nearest& problem);
  void launch(const gpu::Stream& stream) const;

 private:
  GpuPoints<float> points_;
  gpu::Buffer<float> rows_;
  gpu::Buffer<double> table_, start_;
  gpu::Buffer<std::int32_t> group_;
};
class StepOnDevice {
 public:
  StepOnDevice(const std::shared_ptr<gpu::Device>& device, const Step& problem);
  void launch(const gpu::Stream& stream) const;  // adds to the sums once more

 private:
  GpuPoints<double> points_;
  gpu::Buffer<double> rows_, table_, start_, distance_;
  gpu::Buffer<std::int32_t> group_;
  gpu::Buffer<std::int64_t> sums_;
};

}  // namespace fedfuse::kmeans
