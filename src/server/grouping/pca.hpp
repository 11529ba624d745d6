#pragma once
// Principal components by a randomised range finder (Halko, Martinsson, Tropp, SIAM Review 2011, algorithms 4.4 and 5.1):
//   Y = X Omega, power iterations Q <- orth(X orth(X^T Q)), B = Q^T X, B B^T = U S^2 U^T, components V = B^T U S^-1.
// X is n x p with p possibly thousands: only n x k and p x k are ever stored, k <= 128.
#include <cstdint>

#include "core/rng.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

inline constexpr std::int64_t most_components = 128;

struct Components {
  Eigen::MatrixXd directions;  // p x r, orthonormal columns, the largest variance first
  Eigen::VectorXd variance;    // r: sum of squares along each, divided by n
  double share = 0.0;          // of the total that the r components hold
};

// The fewest components that hold `share` of the points' sum of squares (about the origin: points are standardised),
// at most min(n, p, 128) of them, at least one.
[[nodiscard]] Components principal_components(const Points& points, double share, const Rng& rng);

}  // namespace fedfuse::grouping
