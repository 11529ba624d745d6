#include "server/grouping/scores.hpp"

#include <limits>
#include <numeric>

#include "server/grouping/affinity.hpp"

namespace fedfuse::grouping {
namespace {

constexpr std::int64_t exact_points = 2048;

std::vector<std::int64_t> choose(std::int64_t n, const Rng& rng) {
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(n));
  std::iota(chosen.begin(), chosen.end(), 0);
  if (n <= exact_points) return chosen;
  for (std::int64_t i = 0; i < exact_points; ++i) {  // Fisher-Yates, as far as needed
    const auto word = rng.words(std::uint64_t(i), draw_silhouette, 0)[0];
    std::swap(chosen[std::size_t(i)],
              chosen[std::size_t(i + Rng::below(word, std::uint32_t(n - i)))]);
  }
  chosen.resize(exact_points);
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace

std::int64_t groups_by_eigengap(const Eigen::VectorXd& values, std::int64_t least,
                                std::int64_t most, std::int64_t points) {
  const double floor = 1.0 / double(points);
  const auto value = [&](std::int64_t i) {
    return i < values.size() ? std::max(values(i), 0.0) : 0.0;
  };
  std::int64_t best = least;
  double best_gap = -1.0;
  for (std::int64_t g = least; g <= most; ++g) {
    const double gap = (value(g - 1) - value(g)) / (value(g - 1) + floor);
    if (gap > best_gap) {
      best = g;
      best_gap = gap;
    }
  }
  return best;
}

Silhouette::Silhouette(const Points& points, const Rng& rng) : chosen_(choose(points.rows(), rng)) {
  Points some(std::int64_t(chosen_.size()), points.cols());
  for (std::size_t i = 0; i < chosen_.size(); ++i)
    some.row(std::int64_t(i)) = points.row(chosen_[i]);
  distance_ = squared_distances(some).cwiseSqrt();
}

double Silhouette::score(const std::vector<std::int32_t>& group, std::int64_t groups) const {
  const auto n = std::int64_t(chosen_.size());
  std::vector<std::int32_t> own(static_cast<std::size_t>(n));
  std::vector<double> size(std::size_t(groups), 0.0);
  for (std::int64_t i = 0; i < n; ++i)
    size[std::size_t(own[std::size_t(i)] = group[std::size_t(chosen_[std::size_t(i)])])] += 1;
  Eigen::VectorXd value = Eigen::VectorXd::Zero(n);
  parallel_blocks(n, 64, [&](std::int64_t first, std::int64_t count) {
    std::vector<double> sum(static_cast<std::size_t>(groups));
    for (std::int64_t i = first; i < first + count; ++i) {
      std::ranges::fill(sum, 0.0);
      for (std::int64_t j = 0; j < n; ++j) sum[std::size_t(own[std::size_t(j)])] += distance_(j, i);
      const auto mine = std::size_t(own[std::size_t(i)]);
      if (size[mine] < 2) continue;
      double other = std::numeric_limits<double>::infinity();
      for (std::size_t g = 0; g < sum.size(); ++g)
        if (g != mine && size[g] > 0) other = std::min(other, sum[g] / size[g]);
      const double inner = sum[mine] / (size[mine] - 1), larger = std::max(inner, other);
      if (larger > 0 && other < std::numeric_limits<double>::infinity())
        value(i) = (other - inner) / larger;
    }
  });
  return value.sum() / double(n);
}

}  // namespace fedfuse::grouping
