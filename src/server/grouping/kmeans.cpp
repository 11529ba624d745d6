#include "server/grouping/kmeans.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"

namespace fedfuse::grouping {
namespace {

using Eigen::VectorXd;

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

// Greedy k-means++: of several candidates for the next centre, the one that leaves the smallest sum
// of distances.
Points seed_centres(const Points& points, kmeans::PointSet& set, std::int64_t groups,
                    const Rng& rng, std::uint64_t start) {
  const std::int64_t n = points.rows();
  std::vector<std::int64_t> candidates(std::size_t(seed_candidates(groups)));
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
  VectorXd nearest(n), best_trial(n);
  set.distances(std::span(&first, 1), nearest.data());
  Eigen::MatrixXd trials(n, std::int64_t(candidates.size()));
  for (std::int64_t g = 1; g < groups; ++g) {
    for (auto& i : candidates) i = draw_by_weight(nearest, uniform(), chosen);
    set.distances(candidates, trials.data());
    std::int64_t best = -1;
    double best_sum = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const VectorXd trial = trials.col(std::int64_t(c)).cwiseMin(nearest);
      const double sum = trial.sum();
      if (sum >= best_sum) continue;
      best = candidates[c];
      best_sum = sum;
      best_trial = trial;
    }
    take(g, best);
    nearest.swap(best_trial);
  }
  return centres;
}

int starts_for(const Points& points, std::int64_t groups) {
  // FLOP of about 30 iterations
  const double one_start =
      30.0 * 2.0 * double(points.rows()) * double(points.cols()) * double(groups);
  return std::clamp(int(1e10 / one_start), 3, 10);
}

}  // namespace

int seed_candidates(std::int64_t groups) { return 2 + int(std::log2(double(groups))); }

Points group_means(const Points& points, const std::vector<std::int32_t>& group,
                   std::int64_t groups) {
  const auto means = kmeans::means_of(points.data(), points.cols(), group, groups);
  return Eigen::Map<const Points>(means.data(), groups, points.cols());
}

KMeans kmeans(const Points& points, std::int64_t groups, const Rng& rng,
              kmeans::StepFunction step) {
  const auto set = kmeans::points_on_host(points.data(), points.rows(), points.cols(), step);
  return kmeans(points, *set, groups, rng);
}

KMeans kmeans(const Points& points, kmeans::PointSet& set, std::int64_t groups, const Rng& rng) {
  FEDFUSE_CHECK(groups >= 1 && points.rows() >= groups,
                "k-means needs at least one point for each group");
  kmeans::Lloyd best;
  for (int start = 0; start < starts_for(points, groups); ++start) {
    const Points centres = seed_centres(points, set, groups, rng, std::uint64_t(start));
    auto found = kmeans::lloyd(set, {centres.data(), centres.data() + centres.size()}, groups);
    if (start == 0 || found.inertia < best.inertia) best = std::move(found);
  }
  return {std::move(best.group),
          Eigen::Map<const Points>(best.centres.data(), groups, points.cols()), best.inertia};
}

}  // namespace fedfuse::grouping
