#pragma once
// The leading eigenpairs of a dense symmetric matrix by restarted block Krylov subspaces with
// Rayleigh-Ritz (Saad, Numerical Methods for Large Eigenvalue Problems, chapter 6), and the
// embedding of spectral clustering.
#include <cstdint>

#include "core/rng.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

struct EigenPairs {
  Eigen::VectorXd values;   // k, descending
  Eigen::MatrixXd vectors;  // n x k, orthonormal columns
};

// The k <= n largest of the symmetric s; deterministic start. Stops at residuals of 1e-5 of the
// k-th value, or after 8 restarts: where values nearly coincide, any basis of their span groups
// alike.
[[nodiscard]] EigenPairs leading_eigenpairs(const Eigen::MatrixXd& s, std::int64_t k,
                                            const Rng& rng);

// First `groups` eigenvectors as n points, each row scaled to length 1 (Ng, Jordan, Weiss 2001).
[[nodiscard]] Points spectral_embedding(const Eigen::MatrixXd& vectors, std::int64_t groups);

}  // namespace fedfuse::grouping
