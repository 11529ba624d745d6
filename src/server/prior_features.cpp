#include "server/prior_features.hpp"

#include <Eigen/Dense>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "clients/features.hpp"
#include "core/rng.hpp"
#include "kernels/dense/dense.hpp"
#include "model/init.hpp"

namespace fedfuse {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
constexpr double smallest_square = 1e-12;     // of a modality: below, all its rows are alike
constexpr double smallest_direction = 1e-10;  // of the largest eigenvalue: below, it is rounding
constexpr std::int64_t block = 256;           // items whose features are made at once

// One modality of X: row i is factor (E[i] / |E[i]| - mean), or 0.
class Modality {
 public:
  Modality(const Matrix<float>& E, const std::vector<std::uint8_t>& has)
      : E_(E), inverse_norm_(std::size_t(E.rows), 0.0), mean_(std::size_t(E.cols), 0.0) {
    std::int64_t present = 0;
    for (std::int64_t i = 0; i < E.rows; ++i) {
      if (!has.empty() && has[std::size_t(i)] == 0) continue;
      double square = 0;
      for (std::int64_t k = 0; k < E.cols; ++k) square += double(E(i, k)) * E(i, k);
      if (!(square > 0)) continue;
      ++present;
      const double inverse = 1 / std::sqrt(square);
      inverse_norm_[std::size_t(i)] = inverse;
      for (std::int64_t k = 0; k < E.cols; ++k) mean_[std::size_t(k)] += inverse * E(i, k);
    }
    if (present == 0) return;
    for (auto& x : mean_) x /= double(present);
    // rows have norm 1: their mean square distance to the mean is 1 - |mean|^2
    double distance = 1;
    for (const double x : mean_) distance -= x * x;
    if (distance > smallest_square) factor_ = 1 / std::sqrt(distance);
  }
  [[nodiscard]] bool empty() const { return factor_ == 0; }
  [[nodiscard]] std::int64_t width() const { return E_.cols; }
  template <class Real>
  void fill(std::int64_t i, Real* to) const {
    const double inverse = inverse_norm_[std::size_t(i)];
    for (std::int64_t k = 0; k < E_.cols; ++k)
      to[k] = inverse > 0 ? Real(factor_ * (inverse * E_(i, k) - mean_[std::size_t(k)])) : Real(0);
  }

 private:
  const Matrix<float>& E_;
  std::vector<double> inverse_norm_, mean_;  // 0: the item has no row
  double factor_ = 0;                        // 0: nothing tells the rows apart
};

// X, made anew wherever it is read: whole it would be as large as the features.
struct Features {
  std::vector<Modality> modalities;
  std::int64_t items = 0, width = 0;
  explicit Features(const Dataset& data) : items(data.items) {
    for (const auto& [E, has] :
         {std::pair{&data.text, &data.has_text}, std::pair{&data.image, &data.has_image}}) {
      if (E->cols == 0) continue;
      Modality modality(*E, *has);
      if (modality.empty()) continue;
      width += modality.width();
      modalities.push_back(std::move(modality));
    }
  }
  template <class Real>
  void fill(std::int64_t i, Real* to) const {
    for (const auto& modality : modalities) {
      modality.fill(i, to);
      to += modality.width();
    }
  }
};

Matrix<float> unprojected(const Features& X) {
  Matrix<float> Z(X.items, X.width);
  for (std::int64_t i = 0; i < X.items; ++i) X.fill(i, Z.row(i));
  return Z;
}

Matrix<float> drawn(std::int64_t items, std::uint64_t seed) {
  Matrix<float> Z(items, drawn_width);
  init_normal(Z, seed, Purpose::prior_ids, 1 / std::sqrt(double(drawn_width)));
  return Z;
}

// The items of the covariance: all, or at even steps.
std::vector<std::int64_t> sample(std::int64_t items) {
  const auto n = std::min(items, most_covariance_items);
  std::vector<std::int64_t> chosen;
  for (std::int64_t k = 0; k < n; ++k) chosen.push_back(k * items / n);
  return chosen;
}

// X of these items, one a column: width x items.
MatrixXd columns_of(const Features& X, std::span<const std::int64_t> items) {
  MatrixXd columns(X.width, Index(items.size()));
  for (std::size_t k = 0; k < items.size(); ++k) X.fill(items[k], columns.col(Index(k)).data());
  return columns;
}

// The leading eigenvectors of the sample's X^T X, one a column, at most `wanted`. Where there are
// fewer items than columns they come from X X^T: (X^T q) / |X^T q|.
MatrixXd directions(const Features& X, std::int64_t wanted) {
  const auto chosen = sample(X.items);
  const bool wide = X.width > std::int64_t(chosen.size());
  MatrixXd gram, wide_columns;
  if (wide) {
    wide_columns = columns_of(X, chosen);
    gram.noalias() = wide_columns.transpose() * wide_columns;
  } else {
    gram = MatrixXd::Zero(X.width, X.width);
    for (std::size_t at = 0; at < chosen.size(); at += block) {
      const auto count = std::min<std::size_t>(block, chosen.size() - at);
      const auto columns = columns_of(X, std::span(chosen).subspan(at, count));
      gram.selfadjointView<Eigen::Lower>().rankUpdate(columns);
    }
  }
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(gram);  // reads the lower triangle; ascending
  const auto& values = eigen.eigenvalues();
  const double least = smallest_direction * values(values.size() - 1);
  Index kept = 0;
  while (kept < std::min<Index>(wanted, values.size()) && values(values.size() - 1 - kept) > least)
    ++kept;
  MatrixXd found = eigen.eigenvectors().rightCols(kept).rowwise().reverse();
  if (wide) found = (wide_columns * found).eval();
  for (Index k = 0; k < kept; ++k) {
    found.col(k).normalize();
    Index largest = 0;
    found.col(k).cwiseAbs().maxCoeff(&largest);
    if (found(largest, k) < 0) found.col(k) = -found.col(k);
  }
  return found;
}

// Z = c X W by blocks of items, in floats; both sums of squares in double.
Matrix<float> projected(const Features& X, std::int64_t wanted) {
  const auto W = directions(X, wanted);
  Matrix<float> weights(X.width, W.cols()), Z(X.items, W.cols()), rows(block, X.width);
  for (Index j = 0; j < W.rows(); ++j)
    for (Index k = 0; k < W.cols(); ++k) weights(j, k) = float(W(j, k));
  double square_X = 0, square_Z = 0;
  for (std::int64_t first = 0; first < X.items; first += block) {
    const auto n = std::min(block, X.items - first);
    for (std::int64_t i = 0; i < n; ++i) X.fill(first + i, rows.row(i));
    dense::multiply(dense::view(rows.data(), n, X.width),
                    dense::view(weights.data(), X.width, Z.cols),
                    dense::view(Z.row(first), n, Z.cols));
    for (std::int64_t k = 0; k < n * X.width; ++k)
      square_X += double(rows.data()[k]) * rows.data()[k];
    for (std::int64_t k = 0; k < n * Z.cols; ++k)
      square_Z += double(Z.row(first)[k]) * Z.row(first)[k];
  }
  const auto scale = float(std::sqrt(square_X / square_Z));
  for (auto& x : Z.values) x *= scale;
  return Z;
}

}  // namespace

Matrix<float> prior_features(const Config& config, const Dataset& data) {
  const Features X(data);
  if (X.width == 0) return drawn(data.items, config.federation.seed);
  const auto wanted = config.prior.projection;
  return X.width > wanted ? projected(X, wanted) : unprojected(X);
}

std::int64_t prior_feature_width(const Config& config, const Dataset& data) {
  if (!has_features(data)) return drawn_width;
  return std::min(data.text.cols + data.image.cols, config.prior.projection);
}

}  // namespace fedfuse
