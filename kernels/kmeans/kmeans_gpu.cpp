// Nearest centres on a device for points in host memory, and the tables that both forms take there.
#include "kernels/kmeans/kmeans_gpu.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kmeans/feed.hpp"

namespace fedfuse::kmeans {
namespace {

// the score of a group that does not exist
constexpr double none = std::numeric_limits<double>::infinity();

std::int64_t padded_groups(const GpuPlan& plan) { return std::int64_t(plan.passes) * plan.width(); }

// value(j, g) of every column and group to its place; rest: what else stands in a column's row.
template <class T, class Value>
std::vector<double> fill_table(std::int64_t groups, std::int64_t columns, const Value& value) {
  const auto plan = gpu_plan(groups);
  const std::int64_t padded = padded_columns<T>(columns), pitch = table_pitch<T>(plan);
  std::vector<double> table(std::size_t(table_size<T>(plan, padded)), 0.0);
#pragma omp parallel for schedule(static) if (columns > 1024)
  for (std::int64_t j = 0; j < columns; ++j)
    for (std::int64_t g = 0; g < groups; ++g)
      table[std::size_t((g / plan.width() * padded + j) * pitch + table_head<T> +
                        g % plan.width())] = value(j, g);
  return table;
}

GpuPoints<float> points_of(const Nearest& p) {
  GpuPoints<float> points;
  points.stride = padded_columns<float>(p.columns);
  points.plan = gpu_plan(p.groups);
  points.groups = int(p.groups);
  return points;
}

}  // namespace

GpuTable nearest_table(const Nearest& p) {
  const auto plan = gpu_plan(p.groups);
  GpuTable table{
      fill_table<float>(p.groups, p.columns,
                        [&](std::int64_t j, std::int64_t g) { return p.weight[j * p.groups + g]; }),
      std::vector<double>(std::size_t(padded_groups(plan)), none)};
  const std::int64_t padded = padded_columns<float>(p.columns), pitch = table_pitch<float>(plan);
  for (std::int64_t pass = 0; pass < plan.passes; ++pass)
    for (std::int64_t j = 0; j < p.columns; ++j)
      table.values[std::size_t((pass * padded + j) * pitch)] = p.mean[j];
  std::copy_n(p.square, p.groups, table.start.begin());
  return table;
}

GpuTable distance_table(const double* centres, std::int64_t groups, std::int64_t columns) {
  GpuTable table{
      fill_table<double>(groups, columns,
                         [&](std::int64_t j, std::int64_t g) { return centres[g * columns + j]; }),
      std::vector<double>(std::size_t(padded_groups(gpu_plan(groups))), none)};
  std::fill_n(table.start.begin(), groups, 0.0);
  return table;
}

std::int64_t nearest_device_bytes(std::int64_t count, std::int64_t columns, std::int64_t groups,
                                  std::int64_t rows) {
  const FeedLimits limits{rows, 0};
  const auto plan = gpu_plan(groups);
  const std::int64_t padded = padded_columns<float>(columns);
  constexpr std::int64_t word = 4, wide = 8;
  return word * (rows_on_device<float>(count, columns, limits) * padded +
                 feed_lanes * chunk_rows<float>(count, columns, limits)) +
         wide * (table_size<float>(plan, padded) + padded_groups(plan));
}

void nearest_on(const std::shared_ptr<gpu::Device>& device, const Nearest& p, std::int32_t* group,
                std::int64_t chunk) {
  if (p.count == 0) return;
  Feed<float> feed(device, p.points, p.count, p.columns, {chunk, 0});
  const auto table = nearest_table(p);
  const gpu::Stream setup(device);
  const auto values = gpu::to_device(setup, std::span<const double>(table.values)),
             start = gpu::to_device(setup, std::span<const double>(table.start));
  struct Groups {
    gpu::Buffer<std::int32_t> there;
    gpu::Pinned<std::int32_t> here;
  };
  Groups groups[feed_lanes];
  for (auto& lane : groups)
    lane = {{device, std::size_t(feed.chunk())}, {device, std::size_t(feed.chunk())}};
  auto points = points_of(p);
  points.table = values.data();
  points.start = start.data();
  feed.for_chunks(
      [&](const float* rows, std::int64_t, std::int64_t count, int lane,
          const gpu::Stream& stream) {
        points.points = rows;
        points.count = count;
        points.group = groups[lane].there.data();
        gpu::on_platform(*device, [&]<class P>(P) { score_points<P>(points, stream); });
        groups[lane].there.copy_out(groups[lane].here.first(std::size_t(count)), stream);
      },
      [&](std::int64_t first, std::int64_t count, int lane) {
        std::copy_n(&groups[lane].here[0], count, group + first);
      });
}

NearestOnDevice::NearestOnDevice(const std::shared_ptr<gpu::Device>& device, const Nearest& p)
    : points_(points_of(p)) {
  const gpu::Stream stream(device);
  const auto table = nearest_table(p);
  table_ = gpu::to_device(stream, std::span<const double>(table.values));
  start_ = gpu::to_device(stream, std::span<const double>(table.start));
  std::vector<float> rows(std::size_t(p.count * points_.stride), 0.0f);
  for (std::int64_t i = 0; i < p.count; ++i)
    std::copy_n(p.points + i * p.columns, p.columns, rows.begin() + i * points_.stride);
  rows_ = gpu::to_device(stream, std::span<const float>(rows));
  group_ = gpu::Buffer<std::int32_t>(device, std::size_t(p.count));
  points_.count = p.count;
  points_.points = rows_.data();
  points_.table = table_.data();
  points_.start = start_.data();
  points_.group = group_.data();
}
void NearestOnDevice::launch(const gpu::Stream& stream) const {
  gpu::on_platform(stream.device(), [&]<class P>(P) { score_points<P>(points_, stream); });
}

void nearest_cuda(const Nearest& p, std::int32_t* group) {
  nearest_on(gpu::open_cuda_device(0), p, group);
}
void nearest_emulated(const Nearest& p, std::int32_t* group) {
  nearest_on(gpu::open_emulated_device(), p, group);
}

}  // namespace fedfuse::kmeans
