#include "server/grouping/affinity.hpp"

#include <cmath>
#include <vector>

namespace fedfuse::grouping {
namespace {

using Eigen::MatrixXd;
constexpr std::int64_t column_block = 64;
constexpr std::int64_t exact_points = 4096;
constexpr std::uint32_t sampled_pairs = 1u << 22;

std::vector<double> pairs_of(const MatrixXd& squared, const Rng& rng) {
  const std::int64_t n = squared.rows();
  std::vector<double> pairs;
  if (n <= exact_points) {
    pairs.reserve(std::size_t(n * (n - 1) / 2));
    for (std::int64_t j = 0; j < n; ++j)
      pairs.insert(pairs.end(), squared.col(j).data() + j + 1, squared.col(j).data() + n);
    return pairs;
  }
  pairs.reserve(sampled_pairs);
  for (std::uint32_t k = 0; k < sampled_pairs; ++k) {
    const auto w = rng.words(0, draw_pairs, k);
    const auto i = Rng::below(w[0], std::uint32_t(n)), j = Rng::below(w[1], std::uint32_t(n - 1));
    pairs.push_back(squared(i, j < i ? j : j + 1));  // j: any other point
  }
  return pairs;
}

}  // namespace

MatrixXd squared_distances(const Points& points) {
  const std::int64_t n = points.rows();
  MatrixXd d(n, n);
  const Eigen::VectorXd norms = points.rowwise().squaredNorm();
  parallel_blocks(n, column_block, [&](std::int64_t first, std::int64_t count) {
    const std::int64_t below = n - first;  // the lower triangle, mirrored
    auto part = d.block(first, first, below, count);
    part.noalias() =
        -2.0 * points.middleRows(first, below) * points.middleRows(first, count).transpose();
    for (std::int64_t j = first; j < first + count; ++j) {
      d(j, j) = 0.0;
      for (std::int64_t i = j + 1; i < n; ++i) {
        const double sum = norms(i) + norms(j), square = sum + d(i, j);
        d(i, j) = square > 1e-12 * sum ? square : 0.0;
      }
    }
    for (std::int64_t j = first; j < first + count; ++j)
      for (std::int64_t i = j + 1; i < first + count; ++i) d(j, i) = d(i, j);
    const std::int64_t rest = first + count;
    d.block(first, rest, count, n - rest) = d.block(rest, first, n - rest, count).transpose();
  });
  return d;
}

double median_distance(const MatrixXd& squared, const Rng& rng) {
  auto pairs = pairs_of(squared, rng);
  if (pairs.empty()) return 0.0;
  const auto middle = pairs.begin() + std::ptrdiff_t(pairs.size() / 2);
  std::nth_element(pairs.begin(), middle, pairs.end());
  const double upper = std::sqrt(*middle);
  const double lower =
      pairs.size() % 2 == 1 ? upper : std::sqrt(*std::max_element(pairs.begin(), middle));
  if (upper + lower > 0) return 0.5 * (upper + lower);
  double sum = 0.0;
  for (const double pair : pairs) sum += std::sqrt(pair);
  return sum / double(pairs.size());
}

void to_normalised_affinity(MatrixXd& squared, double median) {
  const double gamma = 1.0 / (2.0 * median * median);
  const std::int64_t n = squared.rows();
  Eigen::VectorXd inverse_root(n);
  parallel_blocks(n, column_block, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t j = first; j < first + count; ++j) {
      squared.col(j).array() = (-gamma * squared.col(j).array()).exp();
      // a degree is at least the diagonal's 1
      inverse_root(j) = 1.0 / std::sqrt(squared.col(j).sum());
    }
  });
  parallel_blocks(n, column_block, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t j = first; j < first + count; ++j)
      squared.col(j).array() *= inverse_root(j) * inverse_root.array();
  });
}

}  // namespace fedfuse::grouping
