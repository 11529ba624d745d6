#pragma once
// The graph of spectral clustering (models.md section 3, step 1; Ng, Jordan, Weiss 2001; von
// Luxburg 2007):
//   A_ij = exp(-gamma |x_i - x_j|^2),  gamma = 1 / (2 median^2) of the pairwise distances,  S =
//     D^-1/2 A D^-1/2.
#include <cstdint>

#include "core/rng.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

// n x n squared Euclidean distances: symmetric, zero diagonal, and exactly zero where rounding is
// all there is.
[[nodiscard]] Eigen::MatrixXd squared_distances(const Points& points);

// Median of the distances (not squared) between different points: exact up to 4,096 points, of 2^22
// pairs drawn by counter-based numbers above. If more than half of the pairs coincide: the mean
// distance (0: all points are equal).
[[nodiscard]] double median_distance(const Eigen::MatrixXd& squared, const Rng& rng);

// Turns squared distances into S in place. median > 0.
void to_normalised_affinity(Eigen::MatrixXd& squared, double median);

}  // namespace fedfuse::grouping
