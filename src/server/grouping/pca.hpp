#pragma once
// Principal components of n points with p columns, p possibly thousands: p x p is formed only where
// it is small. Up to 512 = min(n, p): exactly, from the eigenvectors of X^T X or, with fewer points
// than columns, of X X^T (V = X^T U S^-1). Above: a randomised range finder (Halko, Martinsson,
// Tropp, SIAM Review 2011, algorithms 4.4 and 5.1),
//   Y = X Omega, power iterations Q <- orth(X orth(X^T Q)), B = Q^T X, B B^T = U S^2 U^T, V = B^T U
//     S^-1,
// for at most 128 components; only n x k and p x k are stored.
#include <cstdint>

#include "core/rng.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

inline constexpr std::int64_t exact_pca = 512;        // up to this min(n, p)
inline constexpr std::int64_t most_components = 128;  // of the range finder

struct Components {
  Eigen::MatrixXd directions;  // p x r, orthonormal columns, the largest variance first
  Eigen::VectorXd variance;    // r: sum of squares along each, divided by n
  double share = 0.0;          // of the total that the r components hold
};

// The fewest components that hold `share` of the points' sum of squares (about the origin: points
// are standardised), at least one; all that the range finder may have, where these hold less. The
// points must not all be zero.
[[nodiscard]] Components principal_components(const Points& points, double share, const Rng& rng);

}  // namespace fedfuse::grouping
