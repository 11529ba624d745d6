#pragma once
// How well a number of groups fits, for the adaptive G.
#include <cstdint>
#include <vector>

#include "core/rng.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

// Eigengap (von Luxburg 2007, section 8.3) of the normalised affinity's eigenvalues, descending:
// the G in [least, most] with the largest (lambda_G - lambda_{G+1}) / (lambda_G + floor). The gap
// is relative because with the median bandwidth lambda_2.. are far below 1 and unequal where groups
// are; the floor (1/n) keeps noise among tiny values out. values: at least min(most + 1, n) of
// them; missing ones count as 0.
[[nodiscard]] std::int64_t groups_by_eigengap(const Eigen::VectorXd& values, std::int64_t least,
                                              std::int64_t most, std::int64_t points);

// Mean silhouette (Rousseeuw 1987): s_i = (b_i - a_i) / max(a_i, b_i), with a_i the mean distance
// to i's own group, b_i the smallest mean distance to another one; 0 in a group of one. Exact,
// O(n^2) for given distances.
class Silhouette {
 public:
  // Above 2,048 points that many are drawn, by counter-based numbers, and the score is of these.
  Silhouette(const Points& points, const Rng& rng);
  [[nodiscard]] double score(const std::vector<std::int32_t>& group, std::int64_t groups) const;

 private:
  std::vector<std::int64_t> chosen_;
  Eigen::MatrixXd distance_;
};

}  // namespace fedfuse::grouping
