#include "server/grouping/spectral.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

namespace fedfuse::grouping {
namespace {

using Eigen::MatrixXd;
constexpr int restarts = 8;
constexpr int krylov_steps = 8;  // blocks of a basis
// beyond the wanted ones: they take up values close to the k-th
constexpr std::int64_t extra_columns = 4;
constexpr double tolerance = 1e-5;

MatrixXd orthonormal(const MatrixXd& columns) {
  const Eigen::HouseholderQR<MatrixXd> qr(columns);
  return qr.householderQ() * MatrixXd::Identity(columns.rows(), columns.cols());
}

MatrixXd apply(const MatrixXd& s, const Eigen::Ref<const MatrixXd>& v) {
  MatrixXd product(s.rows(), v.cols());
  parallel_blocks(s.rows(), 128, [&](std::int64_t first, std::int64_t count) {
    // s is symmetric: columns are contiguous
    product.middleRows(first, count).noalias() = s.middleCols(first, count).transpose() * v;
  });
  return product;
}

EigenPairs dense(const MatrixXd& s, std::int64_t k) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(s);
  return {eigen.eigenvalues().reverse().head(k),
          eigen.eigenvectors().rowwise().reverse().leftCols(k)};
}

// next, made orthonormal to itself and to the first `used` columns of the basis; twice, for the
// digits that cancel.
MatrixXd orthonormal_to(const MatrixXd& basis, std::int64_t used, MatrixXd next) {
  for (int pass = 0; pass < 2; ++pass) {
    next -= basis.leftCols(used) * (basis.leftCols(used).transpose() * next);
    next = orthonormal(next);
  }
  return next;
}

MatrixXd random_start(std::int64_t n, std::int64_t width, const Rng& rng) {
  MatrixXd start(n, width);
  for (std::int64_t j = 0; j < width; ++j)
    for (std::int64_t i = 0; i < n; ++i)
      start(i, j) = rng.normal(std::uint64_t(i), draw_krylov, std::uint32_t(j));
  return orthonormal(start);
}

}  // namespace

EigenPairs leading_eigenpairs(const MatrixXd& s, std::int64_t k, const Rng& rng) {
  const std::int64_t n = s.rows(), width = k + extra_columns, size = krylov_steps * width;
  if (n <= 2 * size) return dense(s, k);
  MatrixXd basis(n, size), image(n, size);  // image = s * basis
  basis.leftCols(width) = random_start(n, width, rng);
  image.leftCols(width) = apply(s, basis.leftCols(width));
  for (int restart = 0;; ++restart) {
    for (std::int64_t used = width; used < size; used += width) {
      basis.middleCols(used, width) =
          orthonormal_to(basis, used, image.middleCols(used - width, width));
      image.middleCols(used, width) = apply(s, basis.middleCols(used, width));
    }
    MatrixXd projected = basis.transpose() * image;
    projected = 0.5 * (projected + projected.transpose()).eval();
    const EigenPairs ritz = dense(projected, width);
    const MatrixXd vectors = basis * ritz.vectors, images = image * ritz.vectors;
    const MatrixXd residual =
        images.leftCols(k) - vectors.leftCols(k) * ritz.values.head(k).asDiagonal();
    const double worst = residual.colwise().norm().maxCoeff();
    if (worst <= tolerance * std::abs(ritz.values(k - 1)) || restart + 1 == restarts)
      return {ritz.values.head(k), vectors.leftCols(k)};
    basis.leftCols(width) = vectors;
    image.leftCols(width) = images;
  }
}

Points spectral_embedding(const MatrixXd& vectors, std::int64_t groups) {
  Points points = vectors.leftCols(groups);
  for (std::int64_t i = 0; i < points.rows(); ++i) {
    const double length = points.row(i).norm();
    if (length > 0) points.row(i) /= length;
  }
  return points;
}

}  // namespace fedfuse::grouping
