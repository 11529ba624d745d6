#include "clients/shares.hpp"

#include <algorithm>
#include <cmath>

namespace fedfuse {

std::vector<double> log_normalisers(const Matrix<float>& logits) {
  const auto groups = std::size_t(logits.cols);
  std::vector<double> top(groups, -1e300), sum(groups, 0.0);
  for (std::int64_t i = 0; i < logits.rows; ++i)
    for (std::size_t l = 0; l < groups; ++l)
      top[l] = std::max(top[l], double(logits(i, std::int64_t(l))));
  for (std::int64_t i = 0; i < logits.rows; ++i)
    for (std::size_t l = 0; l < groups; ++l)
      sum[l] += std::exp(double(logits(i, std::int64_t(l))) - top[l]);
  for (std::size_t l = 0; l < groups; ++l) sum[l] = top[l] + std::log(sum[l]);
  return sum;
}

double positive_weight(std::int64_t positives) {
  return 1.0 / std::sqrt(double(std::max<std::int64_t>(positives, 1)));
}

void shares_of(const Matrix<float>& logits, std::span<const double> normalisers,
               std::span<const std::int32_t> positives, std::span<float> to) {
  const auto groups = normalisers.size();
  const double weight = positive_weight(std::int64_t(positives.size()));
  std::vector<double> score(groups, 0.0);
  for (const auto i : positives)
    for (std::size_t l = 0; l < groups; ++l)
      score[l] += double(logits(i, std::int64_t(l))) - normalisers[l];
  const double top = std::ranges::max(score);
  double sum = 0;
  for (auto& s : score) {
    s = std::exp(weight * (s - top));
    sum += s;
  }
  for (std::size_t l = 0; l < groups; ++l) to[l] = float(score[l] / sum);
}

void compute_shares(const Matrix<float>& logits, const Dataset& data, Matrix<float>& to) {
  const auto normalisers = log_normalisers(logits);
  const auto n = data.local_clients();
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t u = 0; u < n; ++u)
    shares_of(logits, normalisers, data.positives(u), {to.row(u), std::size_t(to.cols)});
}

}  // namespace fedfuse
