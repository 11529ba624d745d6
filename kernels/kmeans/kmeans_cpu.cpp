// The host's variants: OpenMP over blocks of points of a fixed size, so that no bit depends on the
// number of threads.
#include <Eigen/Dense>
#include <algorithm>
#include <vector>

#include "kernels/kmeans/fill.hpp"
#include "kernels/kmeans/points.hpp"

namespace fedfuse::kmeans {
namespace {

using Rows =
    Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
constexpr std::int64_t point_block = 256;

// body(first, count) for every block of [0, n), in any order on any thread.
template <class Body>
void for_blocks(std::int64_t n, std::int64_t block, const Body& body) {
  const std::int64_t blocks = (n + block - 1) / block;
#pragma omp parallel for schedule(dynamic) if (blocks > 1)
  for (std::int64_t b = 0; b < blocks; ++b) body(b * block, std::min(block, n - b * block));
}

// Nearest centre of every point, and the squared distance to it.
void assign(const Rows& points, const Rows& centres, std::vector<std::int32_t>& group,
            Eigen::VectorXd& distance) {
  const Eigen::VectorXd norms = centres.rowwise().squaredNorm();
  for_blocks(points.rows(), point_block, [&](std::int64_t first, std::int64_t count) {
    // groups x count
    const Eigen::MatrixXd products = centres * points.middleRows(first, count).transpose();
    for (std::int64_t i = 0; i < count; ++i) {
      Eigen::Index nearest = 0;
      (norms - 2.0 * products.col(i)).minCoeff(&nearest);
      group[std::size_t(first + i)] = std::int32_t(nearest);
      distance(first + i) = (points.row(first + i) - centres.row(nearest)).squaredNorm();
    }
  });
}

class OnHost final : public PointSet {
 public:
  OnHost(const double* points, std::int64_t count, std::int64_t columns, StepFunction run)
      : points_(points, count, columns), run_(run) {}

  void distances(std::span<const std::int64_t> rows, double* out) override {
    const std::int64_t n = points_.rows();
    for_blocks(n, point_block, [&](std::int64_t first, std::int64_t count) {
      for (std::size_t r = 0; r < rows.size(); ++r)
        for (std::int64_t i = first; i < first + count; ++i)
          out[std::int64_t(r) * n + i] = (points_.row(i) - points_.row(rows[r])).squaredNorm();
    });
  }

  void step(const double* centres, std::int64_t groups, StepResult& out) override {
    run_({.count = points_.rows(),
          .columns = points_.cols(),
          .groups = groups,
          .points = points_.data(),
          .centres = centres},
         out);
  }

 private:
  Rows points_;
  StepFunction run_;
};

}  // namespace

void nearest_cpu(const Nearest& p, std::int32_t* group) {
  for_blocks(p.count, 1024, [&](std::int64_t first, std::int64_t count) {
    std::vector<double> score(static_cast<std::size_t>(p.groups));
    for (std::int64_t i = first; i < first + count; ++i) {
      std::copy_n(p.square, p.groups, score.begin());
      // in order for every group: a row's place in memory decides nothing
      for (std::int64_t j = 0; j < p.columns; ++j) {
        const double x = double(p.points[i * p.columns + j]) - p.mean[j];
        const double* w = p.weight + j * p.groups;
        for (std::size_t g = 0; g < score.size(); ++g) score[g] += w[g] * x;
      }
      group[i] = std::int32_t(std::ranges::min_element(score) - score.begin());
    }
  });
}

void step_cpu(const Step& p, StepResult& out) {
  const Rows points(p.points, p.count, p.columns);
  Eigen::VectorXd distance(p.count);
  out.group.resize(std::size_t(p.count));
  assign(points, Rows(p.centres, p.groups, p.columns), out.group, distance);
  fill_empty_groups(out.group, distance.data(), p.groups);
  out.centres = means_of(p.points, p.columns, out.group, p.groups);
  out.inertia = distance.sum();
}

std::unique_ptr<PointSet> points_on_host(const double* points, std::int64_t count,
                                         std::int64_t columns, StepFunction run) {
  return std::make_unique<OnHost>(points, count, columns, run);
}

std::vector<double> means_of(const double* points, std::int64_t columns,
                             std::span<const std::int32_t> group, std::int64_t groups) {
  std::vector<double> means(std::size_t(groups * columns), 0.0);
  std::vector<std::int64_t> size(std::size_t(groups), 0);
  for (const auto g : group) ++size[std::size_t(g)];
  // Each thread owns a range of columns, so that every sum runs over the points in order.
  for_blocks(columns, 512, [&](std::int64_t first, std::int64_t count) {
    for (std::size_t i = 0; i < group.size(); ++i) {
      double* sum = means.data() + group[i] * columns + first;
      const double* point = points + std::int64_t(i) * columns + first;
      for (std::int64_t j = 0; j < count; ++j) sum[j] += point[j];
    }
    for (std::int64_t g = 0; g < groups; ++g)
      if (size[std::size_t(g)] > 0)
        for (std::int64_t j = first; j < first + count; ++j)
          means[std::size_t(g * columns + j)] /= double(size[std::size_t(g)]);
  });
  return means;
}

}  // namespace fedfuse::kmeans
