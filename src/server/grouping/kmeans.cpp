#include "server/grouping/kmeans.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.hpp"

namespace fedfuse::grouping {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
constexpr std::int64_t point_block = 256;
constexpr int most_iterations = 100;

// |x_i - x_chosen|^2 of every point.
void distances_to(const Points& points, std::int64_t chosen, VectorXd& distance) {
  parallel_blocks(points.rows(), point_block, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) distance(i) = (points.row(i) - points.row(chosen)).squaredNorm();
  });
}

// A point drawn with probability weight_i / sum; the first unchosen one where all weights are 0.
std::int64_t draw_by_weight(const VectorXd& weight, double u, const std::vector<bool>& chosen) {
  const double target = u * weight.sum();
  double running = 0.0;
  for (std::int64_t i = 0; i < weight.size(); ++i) {
    running += weight(i);
    if (running > target && weight(i) > 0) return i;
  }
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (!chosen[i]) return std::int64_t(i);
  return 0;
}

// Greedy k-means++: of several candidates for the next centre, the one that leaves the smallest sum of distances.
Points seed_centres(const Points& points, std::int64_t groups, const Rng& rng, std::uint64_t start) {
  const std::int64_t n = points.rows();
  const int candidates = 2 + int(std::log2(double(groups)));
  std::uint32_t index = 0;
  const auto uniform = [&] { return rng.uniform(start, draw_kmeans, index++); };
  std::vector<bool> chosen(std::size_t(n), false);
  Points centres(groups, points.cols());
  auto take = [&](std::int64_t g, std::int64_t i) {
    chosen[std::size_t(i)] = true;
    centres.row(g) = points.row(i);
  };
  const auto first = std::min(n - 1, std::int64_t(uniform() * double(n)));
  take(0, first);
  VectorXd nearest(n), trial(n), best_trial(n);
  distances_to(points, first, nearest);
  for (std::int64_t g = 1; g < groups; ++g) {
    std::int64_t best = -1;
    double best_sum = std::numeric_limits<double>::infinity();
    for (int c = 0; c < candidates; ++c) {
      const auto i = draw_by_weight(nearest, uniform(), chosen);
      distances_to(points, i, trial);
      trial = trial.cwiseMin(nearest);
      const double sum = trial.sum();
      if (sum >= best_sum) continue;
      best = i, best_sum = sum;
      best_trial.swap(trial);
    }
    take(g, best);
    nearest.swap(best_trial);
  }
  return centres;
}

// Nearest centre of every point (ties: the lower group) and the squared distance to it.
void assign(const Points& points, const Points& centres, std::vector<std::int32_t>& group, VectorXd& distance) {
  const VectorXd norms = centres.rowwise().squaredNorm();
  parallel_blocks(points.rows(), point_block, [&](std::int64_t first, std::int64_t count) {
    const MatrixXd products = centres * points.middleRows(first, count).transpose();  // groups x count
    for (std::int64_t i = 0; i < count; ++i) {
      Eigen::Index nearest = 0;
      (norms - 2.0 * products.col(i)).minCoeff(&nearest);
      group[std::size_t(first + i)] = std::int32_t(nearest);
      distance(first + i) = (points.row(first + i) - centres.row(nearest)).squaredNorm();
    }
  });
}

// Gives every empty group the farthest point of a group with company.
void fill_empty_groups(std::vector<std::int32_t>& group, VectorXd& distance, std::int64_t groups) {
  std::vector<std::int64_t> size(std::size_t(groups), 0);
  for (const auto g : group) ++size[std::size_t(g)];
  for (std::int64_t empty = 0; empty < groups; ++empty) {
    if (size[std::size_t(empty)] > 0) continue;
    std::int64_t farthest = -1;
    for (std::int64_t i = 0; i < distance.size(); ++i)
      if (size[std::size_t(group[std::size_t(i)])] > 1 && (farthest < 0 || distance(i) > distance(farthest))) farthest = i;
    --size[std::size_t(group[std::size_t(farthest)])];
    ++size[std::size_t(empty)];
    group[std::size_t(farthest)] = std::int32_t(empty);
    distance(farthest) = 0.0;
  }
}

KMeans lloyd(const Points& points, Points centres) {
  const std::int64_t n = points.rows(), groups = centres.rows();
  KMeans result{std::vector<std::int32_t>(std::size_t(n), -1), std::move(centres), 0.0};
  std::vector<std::int32_t> next(std::size_t(n), 0);
  VectorXd distance(n);
  for (int iteration = 0; iteration < most_iterations; ++iteration) {
    assign(points, result.centres, next, distance);
    fill_empty_groups(next, distance, groups);
    const bool same = next == result.group;
    result.group = next;
    if (same) break;
    result.centres = group_means(points, result.group, groups);
  }
  for (std::int64_t i = 0; i < n; ++i) distance(i) = (points.row(i) - result.centres.row(result.group[std::size_t(i)])).squaredNorm();
  result.inertia = distance.sum();
  return result;
}

int starts_for(const Points& points, std::int64_t groups) {
  const double one_start = 30.0 * 2.0 * double(points.rows()) * double(points.cols()) * double(groups);  // FLOP of about 30 iterations
  return std::clamp(int(1e10 / one_start), 3, 10);
}

}  // namespace

Points group_means(const Points& points, const std::vector<std::int32_t>& group, std::int64_t groups) {
  Points means = Points::Zero(groups, points.cols());
  std::vector<std::int64_t> size(std::size_t(groups), 0);
  for (const auto g : group) ++size[std::size_t(g)];
  // Each thread owns a range of columns, so that every sum runs over the points in order.
  parallel_blocks(points.cols(), 512, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < points.rows(); ++i) means.row(group[std::size_t(i)]).segment(first, count) += points.row(i).segment(first, count);
    for (std::int64_t g = 0; g < groups; ++g)
      if (size[std::size_t(g)] > 0) means.row(g).segment(first, count) /= double(size[std::size_t(g)]);
  });
  return means;
}

KMeans kmeans(const Points& points, std::int64_t groups, const Rng& rng) {
  FEDFUSE_CHECK(groups >= 1 && points.rows() >= groups, "k-means needs at least one point for each group");
  KMeans best;
  best.inertia = std::numeric_limits<double>::infinity();
  for (int start = 0; start < starts_for(points, groups); ++start) {
    auto found = lloyd(points, seed_centres(points, groups, rng, std::uint64_t(start)));
    if (start == 0 || found.inertia < best.inertia) best = std::move(found);
  }
  return best;
}

}  // namespace fedfuse::grouping
