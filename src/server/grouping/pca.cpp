#include "server/grouping/pca.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

#include "core/error.hpp"

namespace fedfuse::grouping {
namespace {

using Eigen::MatrixXd;
constexpr int power_iterations = 2;
constexpr std::int64_t first_width = 32;
constexpr double smallest_square = 1e-13;  // of the largest: below, a direction is rounding

MatrixXd orthonormal(const MatrixXd& columns) {
  const Eigen::HouseholderQR<MatrixXd> qr(columns);
  return qr.householderQ() * MatrixXd::Identity(columns.rows(), columns.cols());
}

// x * right
template <class Right>
MatrixXd times(const Points& x, const Right& right) {
  MatrixXd product(x.rows(), right.cols());
  parallel_blocks(x.rows(), 64, [&](std::int64_t first, std::int64_t count) {
    product.middleRows(first, count).noalias() = x.middleRows(first, count) * right;
  });
  return product;
}

// x^T * right
template <class Right>
MatrixXd transposed_times(const Points& x, const Right& right) {
  MatrixXd product(x.cols(), right.cols());
  parallel_blocks(x.cols(), 256, [&](std::int64_t first, std::int64_t count) {
    product.middleRows(first, count).noalias() = x.middleCols(first, count).transpose() * right;
  });
  return product;
}

// Eigenpairs of a Gram matrix, the largest first, without those that are rounding. Values are
// divided by n.
struct GramPairs {
  Eigen::VectorXd squares, variance;
  MatrixXd vectors;
};

GramPairs gram_pairs(const MatrixXd& gram, std::int64_t n) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(gram);
  const Eigen::VectorXd squares = eigen.eigenvalues().reverse();
  std::int64_t rank = 0;
  while (rank < squares.size() && squares(rank) > smallest_square * squares(0)) ++rank;
  return {squares.head(rank), squares.head(rank) / double(n),
          eigen.eigenvectors().rowwise().reverse().leftCols(rank)};
}

// Keeps the first of the found components that hold the wanted sum; `trusted` of them are
// converged.
std::int64_t needed(const Eigen::VectorXd& variance, std::int64_t trusted, double wanted,
                    double& held) {
  std::int64_t kept = 0;
  for (held = 0.0; kept < trusted && held < wanted;) held += variance(kept++);
  return std::max<std::int64_t>(kept, 1);
}

Components exact(const Points& x, double wanted, double total) {
  const bool wide = x.cols() > x.rows();
  const auto pairs = gram_pairs(wide ? times(x, x.transpose()) : transposed_times(x, x), x.rows());
  double held = 0.0;
  const auto kept = needed(pairs.variance, pairs.variance.size(), wanted, held);
  Components found{pairs.vectors.leftCols(kept), pairs.variance.head(kept), held / total};
  if (wide)
    found.directions = transposed_times(
        x, MatrixXd(found.directions *
                    pairs.squares.head(kept).cwiseSqrt().cwiseInverse().asDiagonal()));
  return found;
}

MatrixXd test_matrix(std::int64_t rows, std::int64_t cols, const Rng& rng) {
  MatrixXd omega(rows, cols);
  parallel_blocks(cols, 1, [&](std::int64_t j, std::int64_t) {
    for (std::int64_t i = 0; i < rows; ++i)
      omega(i, j) = rng.normal(std::uint64_t(i), draw_range_finder, std::uint32_t(j));
  });
  return omega;
}

Components range_finder(const Points& x, double wanted, double total, const Rng& rng) {
  for (std::int64_t width = first_width;;) {
    MatrixXd q = orthonormal(times(x, test_matrix(x.cols(), width, rng)));
    for (int i = 0; i < power_iterations; ++i)
      q = orthonormal(times(x, orthonormal(transposed_times(x, q))));
    const MatrixXd b_transposed = transposed_times(x, q);  // p x width
    const auto pairs = gram_pairs(b_transposed.transpose() * b_transposed, x.rows());
    // Of a subspace that can still grow, only the leading half is trusted to be converged.
    const bool last = width == most_components;
    const auto found = std::int64_t(pairs.variance.size());
    double held = 0.0;
    const auto kept =
        needed(pairs.variance, last ? found : std::min(found, width / 2), wanted, held);
    if (held >= wanted || last)
      return {b_transposed * (pairs.vectors.leftCols(kept) *
                              pairs.squares.head(kept).cwiseSqrt().cwiseInverse().asDiagonal()),
              pairs.variance.head(kept), held / total};
    width = held < 0.5 * wanted ? most_components : 2 * width;  // far off: no step in between
  }
}

}  // namespace

Components principal_components(const Points& points, double share, const Rng& rng) {
  const double total = points.squaredNorm() / double(points.rows()), wanted = share * total;
  FEDFUSE_CHECK(total > 0, "principal components of points that are all zero");
  const bool small = std::min(points.rows(), points.cols()) <= exact_pca;
  return small ? exact(points, wanted, total) : range_finder(points, wanted, total, rng);
}

}  // namespace fedfuse::grouping
