#include "server/grouping/cluster.hpp"

#include <optional>

#include "core/error.hpp"
#include "server/grouping/affinity.hpp"
#include "server/grouping/kmeans.hpp"
#include "server/grouping/pca.hpp"
#include "server/grouping/scores.hpp"
#include "server/grouping/spectral.hpp"

namespace fedfuse::grouping {
namespace {

// Either algorithm, for any number of groups up to bounds.most; what does not depend on that number
// is done once.
class Clusterer {
 public:
  Clusterer(const Config& config, const Points& points, GroupBounds bounds,
            const std::shared_ptr<gpu::Device>& device, const Kernels& kernels)
      : points_(points), rng_(config.federation.seed, Purpose::grouping), step_(kernels.step) {
    spectral_ = config.gfmfr.cluster == ClusterMethod::spectral;
    if (!spectral_)
      set_ = device != nullptr
                 ? kmeans::points_on_device(device, points.data(), points.rows(), points.cols(),
                                            bounds.most, seed_candidates(bounds.most))
                 : kmeans::points_on_host(points.data(), points.rows(), points.cols(), step_);
    const bool eigengap =
        bounds.least < bounds.most && config.gfmfr.groups_by == GroupsBy::eigengap;
    if (!spectral_ && !eigengap) return;
    auto graph = squared_distances(points);
    to_normalised_affinity(graph, median_distance(graph, rng_));
    pairs_ = leading_eigenpairs(
        graph, std::min<std::int64_t>(bounds.most + (eigengap ? 1 : 0), points.rows()), rng_);
  }
  [[nodiscard]] std::vector<std::int32_t> group(std::int64_t groups) const {
    return spectral_ ? kmeans(spectral_embedding(pairs_.vectors, groups), groups, rng_, step_).group
                     : kmeans(points_, *set_, groups, rng_).group;
  }
  [[nodiscard]] const Eigen::VectorXd& eigenvalues() const { return pairs_.values; }
  [[nodiscard]] const Rng& rng() const { return rng_; }

 private:
  const Points& points_;
  Rng rng_;
  kmeans::StepFunction step_;
  bool spectral_ = false;
  EigenPairs pairs_;
  std::unique_ptr<kmeans::PointSet> set_;  // of k-means
};

// Group 0 is that of the first point, group 1 that of the first point outside it, ...: names that
// no start of k-means decides.
void number_by_first_member(std::vector<std::int32_t>& group, std::int64_t groups) {
  std::vector<std::int32_t> name(std::size_t(groups), -1);
  std::int32_t next = 0;
  for (auto& g : group) {
    if (name[std::size_t(g)] < 0) name[std::size_t(g)] = next++;
    g = name[std::size_t(g)];
  }
  FEDFUSE_CHECK(next == groups, "a group is empty");
}

std::vector<std::int32_t> best_by_silhouette(const Clusterer& clusterer, const Points& points,
                                             GroupBounds bounds, std::int64_t& groups) {
  const Silhouette silhouette(points, clusterer.rng());
  std::vector<std::int32_t> best;
  double best_score = 0.0;
  for (std::int64_t g = bounds.least; g <= bounds.most; ++g) {
    auto group = clusterer.group(g);
    const double score = silhouette.score(group, g);
    if (!best.empty() && score <= best_score) continue;
    best = std::move(group);
    best_score = score;
    groups = g;
  }
  return best;
}

bool all_equal(const Points& points) {
  for (std::int64_t i = 1; i < points.rows(); ++i)
    if (points.row(i) != points.row(0)) return false;
  return true;
}

Clustering balanced_split(std::int64_t n, std::int64_t columns, std::int64_t groups) {
  Clustering split;
  split.equal = true;
  split.groups = groups;
  split.components = columns;
  for (std::int64_t i = 0; i < n; ++i) split.group.push_back(std::int32_t(i % groups));
  return split;
}

}  // namespace

Clustering cluster_points(const Config& config, Points points, GroupBounds bounds,
                          const std::shared_ptr<gpu::Device>& device, const Kernels& kernels) {
  FEDFUSE_CHECK(bounds.least >= 1 && bounds.least <= bounds.most && points.rows() >= bounds.most,
                "more groups than points");
  if (all_equal(points))
    return balanced_split(points.rows(), points.cols(),
                          std::clamp(config.gfmfr.groups, bounds.least, bounds.most));
  Clustering result;
  std::optional<Components> pca;
  if (config.gfmfr.pca_variance < 1.0) {
    pca = principal_components(points, config.gfmfr.pca_variance,
                               Rng(config.federation.seed, Purpose::grouping));
    points = Points(points * pca->directions);
    result.variance_share = pca->share;
  }
  result.components = points.cols();
  const Clusterer clusterer(config, points, bounds, device, kernels);
  if (bounds.least < bounds.most && config.gfmfr.groups_by == GroupsBy::silhouette) {
    result.group = best_by_silhouette(clusterer, points, bounds, result.groups);
  } else {
    result.groups =
        bounds.least == bounds.most
            ? bounds.most
            : groups_by_eigengap(clusterer.eigenvalues(), bounds.least, bounds.most, points.rows());
    result.group = clusterer.group(result.groups);
  }
  number_by_first_member(result.group, result.groups);
  const Points centres = group_means(points, result.group, result.groups);
  result.centre_square = centres.rowwise().squaredNorm();
  result.centre = pca ? Eigen::MatrixXd(pca->directions * centres.transpose())
                      : Eigen::MatrixXd(centres.transpose());
  return result;
}

}  // namespace fedfuse::grouping
