#include "server/grouping/pca.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

#include "core/error.hpp"

namespace fedfuse::grouping {
namespace {

using Eigen::MatrixXd;
constexpr int power_iterations = 3;
constexpr std::int64_t first_width = 32;

MatrixXd orthonormal(const MatrixXd& columns) {
  const Eigen::HouseholderQR<MatrixXd> qr(columns);
  return qr.householderQ() * MatrixXd::Identity(columns.rows(), columns.cols());
}

MatrixXd times(const Points& x, const MatrixXd& right) {
  MatrixXd product(x.rows(), right.cols());
  parallel_blocks(x.rows(), 64,
                  [&](std::int64_t first, std::int64_t count) { product.middleRows(first, count).noalias() = x.middleRows(first, count) * right; });
  return product;
}

MatrixXd transposed_times(const Points& x, const MatrixXd& right) {
  MatrixXd product(x.cols(), right.cols());
  parallel_blocks(x.cols(), 256, [&](std::int64_t first, std::int64_t count) {
    product.middleRows(first, count).noalias() = x.middleCols(first, count).transpose() * right;
  });
  return product;
}

MatrixXd test_matrix(std::int64_t rows, std::int64_t cols, const Rng& rng) {
  MatrixXd omega(rows, cols);
  for (std::int64_t j = 0; j < cols; ++j)
    for (std::int64_t i = 0; i < rows; ++i) omega(i, j) = rng.normal(std::uint64_t(i), draw_range_finder, std::uint32_t(j));
  return omega;
}

// All `width` components of the subspace that the range finder found.
Components project(const Points& x, std::int64_t width, const Rng& rng) {
  MatrixXd q = orthonormal(times(x, test_matrix(x.cols(), width, rng)));
  for (int i = 0; i < power_iterations; ++i) q = orthonormal(times(x, orthonormal(transposed_times(x, q))));
  const MatrixXd b_transposed = transposed_times(x, q);  // p x width
  const MatrixXd gram = b_transposed.transpose() * b_transposed;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(gram);
  Components found;
  const Eigen::VectorXd squares = eigen.eigenvalues().reverse().cwiseMax(0.0);
  found.directions = b_transposed * eigen.eigenvectors().rowwise().reverse();
  std::int64_t rank = 0;
  while (rank < width && squares(rank) > 1e-14 * squares(0)) ++rank;
  found.directions.conservativeResize(Eigen::NoChange, rank);
  for (std::int64_t j = 0; j < rank; ++j) found.directions.col(j) /= std::sqrt(squares(j));
  found.variance = squares.head(rank) / double(x.rows());
  return found;
}

}  // namespace

Components principal_components(const Points& points, double share, const Rng& rng) {
  const std::int64_t most = std::min({std::int64_t(points.rows()), std::int64_t(points.cols()), most_components});
  const double total = points.squaredNorm() / double(points.rows());
  FEDFUSE_CHECK(total > 0, "principal components of points that are all zero");
  for (std::int64_t width = std::min(most, first_width);; width = std::min(most, 2 * width)) {
    Components found = project(points, width, rng);
    // Of a truncated subspace only the leading half is trusted to be converged.
    const std::int64_t trusted = width == most ? found.variance.size() : std::min<std::int64_t>(found.variance.size(), width / 2);
    double held = 0.0;
    std::int64_t kept = 0;
    while (kept < trusted && held < share * total) held += found.variance(kept++);
    if (held < share * total * (1 - 1e-12) && width < most) continue;
    kept = std::max<std::int64_t>(kept, 1);
    found.directions.conservativeResize(Eigen::NoChange, kept);
    found.variance.conservativeResize(kept);
    found.share = found.variance.sum() / total;
    return found;
  }
}

}  // namespace fedfuse::grouping
