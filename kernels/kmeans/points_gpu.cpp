// Points of k-means on a device: distances to rows for the starts, and Lloyd's steps, whose sums
// are integers.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "kernels/kmeans/feed.hpp"
#include "kernels/kmeans/fill.hpp"
#include "kernels/kmeans/kmeans_gpu.hpp"
#include "kernels/kmeans/points.hpp"

namespace fedfuse::kmeans {
namespace {

// The power of two at which `count` numbers below `bound` add up to less than 2^61.
double scale_for(std::int64_t count, double bound) {
  int exponent = 0;
  (void)std::frexp(bound, &exponent);
  return std::ldexp(
      1.0, std::clamp(61 - int(std::bit_width(std::uint64_t(count))) - exponent, -1000, 1000));
}

double norm(const double* row, std::int64_t columns) {
  double sum = 0;
  for (std::int64_t j = 0; j < columns; ++j) sum += row[j] * row[j];
  return std::sqrt(sum);
}

struct Extent {
  double number = 0, norm = 0;  // largest of a coordinate, and of a row
};
Extent extent_of(const double* points, std::int64_t count, std::int64_t columns) {
  double number = 0, longest = 0;
#pragma omp parallel for schedule(static) reduction(max : number, longest)
  for (std::int64_t i = 0; i < count; ++i) {
    longest = std::max(longest, norm(points + i * columns, columns));
    for (std::int64_t j = 0; j < columns; ++j)
      number = std::max(number, std::abs(points[i * columns + j]));
  }
  return {number, longest};
}

std::int64_t largest_table(std::int64_t columns, std::int64_t groups) {
  return table_size<double>(gpu_plan(groups), padded_columns<double>(columns));
}
std::int64_t padded_groups(std::int64_t groups) {
  return std::int64_t(gpu_plan(groups).passes) * gpu_plan(groups).width();
}

class OnDevice final : public PointSet {
 public:
  OnDevice(const std::shared_ptr<gpu::Device>& device, const double* points, std::int64_t count,
           std::int64_t columns, std::int64_t most_groups, std::int64_t most_rows,
           const FeedLimits& limits)
      : device_(device),
        source_(points),
        count_(count),
        columns_(columns),
        extent_(extent_of(points, count, columns)),
        scale_(scale_for(count, extent_.number)),
        stream_(device),
        feed_(device, points, count, columns, limits),
        table_(device, std::size_t(largest_table(columns, std::max(most_groups, most_rows)))),
        start_(device, std::size_t(padded_groups(std::max(most_groups, most_rows)))),
        distance_(device, std::size_t(count)),
        all_(device, std::size_t(count * most_rows)),
        group_(device, std::size_t(count)),
        sums_(device, std::size_t(most_groups * (columns + 1) + 1)) {}

  void distances(std::span<const std::int64_t> rows, double* out) override {
    std::vector<double> centres;
    for (const auto r : rows)
      centres.insert(centres.end(), source_ + r * columns_, source_ + (r + 1) * columns_);
    auto p = with_centres(centres.data(), std::int64_t(rows.size()));
    p.all_stride = count_;
    feed_.for_chunks([&](const double* points, std::int64_t first, std::int64_t count, int,
                         const gpu::Stream& stream) {
      p.all = all_.data() + first;
      score(p, points, count, stream);
    });
    all_.copy_out({out, rows.size() * std::size_t(count_)}, stream_);
    stream_.synchronise();
  }

  void step(const double* centres, std::int64_t groups, StepResult& out) override {
    sums_.fill_bytes(0, stream_);
    auto p = with_centres(centres, groups);
    p.columns = columns_;
    p.scale = scale_;
    p.inertia_scale = inertia_scale(centres, groups);
    p.sums = sums_.data();
    p.sizes = p.sums + groups * columns_;
    p.inertia = p.sizes + groups;
    feed_.for_chunks([&](const double* points, std::int64_t first, std::int64_t count, int,
                         const gpu::Stream& stream) {
      p.group = group_.data() + first;
      p.distance = distance_.data() + first;
      score(p, points, count, stream);
    });
    std::vector<std::int64_t> sums(std::size_t(groups * (columns_ + 1) + 1));
    out.group.resize(std::size_t(count_));
    sums_.copy_out(sums, stream_);
    group_.copy_out(out.group, stream_);
    stream_.synchronise();
    std::int64_t* const size = sums.data() + groups * columns_;
    if (std::find(size, size + groups, 0) != size + groups)
      fill(sums, groups, p.inertia_scale, out.group);
    out.centres.resize(std::size_t(groups * columns_));
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t at = g * columns_; at < (g + 1) * columns_; ++at)
        out.centres[std::size_t(at)] = double(sums[std::size_t(at)]) / scale_ / double(size[g]);
    out.inertia = double(size[groups]) / p.inertia_scale;
  }

 private:
  // What every launch of a call has in common; the centres are there when this returns.
  GpuPoints<double> with_centres(const double* centres, std::int64_t groups) {
    GpuPoints<double> p;
    p.stride = feed_.stride();
    p.plan = gpu_plan(groups);
    p.groups = int(groups);
    const auto table = distance_table(centres, groups, columns_);
    table_.copy_in(table.values, stream_);
    start_.copy_in(table.start, stream_);
    stream_.synchronise();
    p.table = table_.data();
    p.start = start_.data();
    return p;
  }
  void score(GpuPoints<double> p, const double* points, std::int64_t count,
             const gpu::Stream& stream) const {
    p.points = points;
    p.count = count;
    gpu::on_platform(*device_, [&]<class P>(P) { score_points<P>(p, stream); });
  }
  [[nodiscard]] double inertia_scale(const double* centres, std::int64_t groups) const {
    double longest = 0;
    for (std::int64_t g = 0; g < groups; ++g)
      longest = std::max(longest, norm(centres + g * columns_, columns_));
    return scale_for(count_, (extent_.norm + longest) * (extent_.norm + longest));
  }
  // A point that moves takes the very integers along that the device had added.
  void fill(std::vector<std::int64_t>& sums, std::int64_t groups, double inertia_scale,
            std::vector<std::int32_t>& group) const {
    std::vector<double> distance(static_cast<std::size_t>(count_));
    distance_.copy_out(distance, stream_);
    stream_.synchronise();
    std::int64_t* const size = sums.data() + groups * columns_;
    for (const auto& move : fill_empty_groups(group, distance.data(), groups)) {
      --size[move.from];
      ++size[move.to];
      size[groups] -= std::llrint(move.distance * inertia_scale);
      for (std::int64_t j = 0; j < columns_; ++j) {
        const std::int64_t q = std::llrint(source_[move.point * columns_ + j] * scale_);
        sums[std::size_t(move.from * columns_ + j)] -= q;
        sums[std::size_t(move.to * columns_ + j)] += q;
      }
    }
  }

  std::shared_ptr<gpu::Device> device_;
  const double* source_;
  std::int64_t count_, columns_;
  Extent extent_;
  double scale_;
  gpu::Stream stream_;
  Feed<double> feed_;
  gpu::Buffer<double> table_, start_, distance_, all_;
  gpu::Buffer<std::int32_t> group_;
  gpu::Buffer<std::int64_t> sums_;
};

void step_on(const std::shared_ptr<gpu::Device>& device, const Step& p, StepResult& out) {
  points_on_device(device, p.points, p.count, p.columns, p.groups, 1)
      ->step(p.centres, p.groups, out);
}

}  // namespace

std::unique_ptr<PointSet> points_on_device(const std::shared_ptr<gpu::Device>& device,
                                           const double* points, std::int64_t count,
                                           std::int64_t columns, std::int64_t most_groups,
                                           std::int64_t most_rows, const FeedLimits& limits) {
  return std::make_unique<OnDevice>(device, points, count, columns, most_groups, most_rows, limits);
}

std::int64_t points_device_bytes(std::int64_t count, std::int64_t columns, std::int64_t most_groups,
                                 std::int64_t most_rows, const FeedLimits& limits) {
  const std::int64_t most = std::max(most_groups, most_rows);
  constexpr std::int64_t word = 4, wide = 8;
  return wide * (rows_on_device<double>(count, columns, limits) * padded_columns<double>(columns) +
                 largest_table(columns, most) + padded_groups(most) + count * (1 + most_rows) +
                 most_groups * (columns + 1) + 1) +
         word * count;
}

StepOnDevice::StepOnDevice(const std::shared_ptr<gpu::Device>& device, const Step& p) {
  const gpu::Stream stream(device);
  const auto table = distance_table(p.centres, p.groups, p.columns);
  auto& q = points_;
  q.count = p.count;
  q.stride = padded_columns<double>(p.columns);
  q.plan = gpu_plan(p.groups);
  q.groups = int(p.groups);
  q.columns = p.columns;
  std::vector<double> rows(std::size_t(p.count * q.stride), 0.0);
  for (std::int64_t i = 0; i < p.count; ++i)
    std::copy_n(p.points + i * p.columns, p.columns, rows.begin() + i * q.stride);
  rows_ = gpu::to_device(stream, std::span<const double>(rows));
  table_ = gpu::to_device(stream, std::span<const double>(table.values));
  start_ = gpu::to_device(stream, std::span<const double>(table.start));
  group_ = gpu::Buffer<std::int32_t>(device, std::size_t(p.count));
  distance_ = gpu::Buffer<double>(device, std::size_t(p.count));
  sums_ = gpu::Buffer<std::int64_t>(device, std::size_t(p.groups * (p.columns + 1) + 1));
  sums_.fill_bytes(0, stream);
  stream.synchronise();
  q.points = rows_.data();
  q.table = table_.data();
  q.start = start_.data();
  q.group = group_.data();
  q.distance = distance_.data();
  q.sums = sums_.data();
  q.sizes = q.sums + p.groups * p.columns;
  q.inertia = q.sizes + p.groups;
  const auto extent = extent_of(p.points, p.count, p.columns);
  q.scale = scale_for(p.count, extent.number);
  q.inertia_scale = scale_for(p.count, 4 * extent.norm * extent.norm);
}
void StepOnDevice::launch(const gpu::Stream& stream) const {
  gpu::on_platform(stream.device(), [&]<class P>(P) { score_points<P>(points_, stream); });
}

void step_cuda(const Step& p, StepResult& out) { step_on(gpu::open_cuda_device(0), p, out); }
void step_emulated(const Step& p, StepResult& out) { step_on(gpu::open_emulated_device(), p, out); }

}  // namespace fedfuse::kmeans
