#pragma once
// Clusters the gathered points on one rank: PCA, the number of groups, spectral clustering or
// k-means, and the linear form by which everyone else is assigned to the nearest centre.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "kernels/production.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

struct Clustering {
  std::vector<std::int32_t> group;  // of each point; numbered by first appearance, none empty
  std::int64_t groups = 0;
  std::int64_t components = 0;  // columns that were clustered
  double variance_share = 1.0;  // that these hold
  bool equal = false;           // all points are equal: balanced split, nothing to be near to
  // Nearest centre in the clustered space, for a standardised vector z of p columns: with V the PCA
  // directions (or I) and c_g the centres, |V^T z - c_g|^2 = |V^T z|^2 + |c_g|^2 - 2 (V c_g).z. So
  // the group is argmin_g centre_square_g - 2 centre_g.z
  Eigen::MatrixXd centre;         // p x groups: V c_g
  Eigen::VectorXd centre_square;  // groups: |c_g|^2
};

// Bounds of the number of groups: equal ones fix it.
struct GroupBounds {
  std::int64_t least = 1, most = 1;
};

// points: n x p, standardised, n >= bounds.most >= bounds.least >= 1. device: where k-means of the
// points runs; null: on the host, as PCA and all of spectral clustering do (its embedding has only
// `groups` columns).
[[nodiscard]] Clustering cluster_points(const Config& config, Points points, GroupBounds bounds,
                                        const std::shared_ptr<gpu::Device>& device = nullptr,
                                        const Kernels& kernels = {});

}  // namespace fedfuse::grouping
