// Naive, in double: every score of every client by the formulas of models.md, then a count. No
// restructuring, and nothing shared with the variants.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/rank/rank.hpp"
#include "model/head_score.hpp"

namespace fedfuse::rank {
namespace {

using Vector = std::vector<double>;

Vector row_of(const Model& m, const Client& c, std::int64_t i) {
  Vector z(std::size_t(m.width), 0.0);
  const auto own = std::ranges::find(c.row_ids, std::int32_t(i));
  const bool has_own = own != c.row_ids.end();
  const float* row = has_own ? c.rows + (own - c.row_ids.begin()) * m.width : nullptr;
  for (int k = 0; k < m.width; ++k) {
    double shared = 0;
    for (int j = 0; j < m.views; ++j)
      shared += (m.views > 1 ? double(c.omega[j]) : 1.0) * double(m.view[j][i * m.width + k]);
    double& x = z[std::size_t(k)];
    if (m.own_rows == OwnRows::replace && has_own) {
      x = double(row[k]);
    } else {
      x = shared;
      if (has_own) x += double(row[k]);
      if (!has_own && m.base != nullptr)
        x += double(c.base_scale) * double(m.base[i * m.width + k]);
    }
  }
  return z;
}

double score(const Model& m, const Client& c, std::int64_t i) {
  const auto& h = m.head;
  const float* theta = m.theta != nullptr ? m.theta : c.theta;
  auto z = row_of(m, c, i);
  if (m.width < h.item_width) z.insert(z.end(), z.begin(), z.begin() + m.width);
  const Vector parameters(theta, theta + h.theta), user(c.user, c.user + h.user);
  double offset = 0;
  for (int l = 0; l < m.prior_groups; ++l)
    offset += double(c.shares[l]) * double(m.prior[i * m.prior_groups + l]);
  return head_score(h, parameters.data(), user.data(), z) + offset;
}

bool in(std::span<const std::int32_t> ids, std::int32_t id) {
  return std::ranges::find(ids, id) != ids.end();
}

std::int32_t rank_among(const Vector& scores, std::int32_t held,
                        const std::vector<std::int32_t>& candidates) {
  if (held < 0) return 0;
  const double own = scores[std::size_t(held)];
  std::int32_t higher = 0, tied = 0, others = 0;
  for (const auto i : candidates) {
    if (i == held) continue;
    ++others;
    higher += scores[std::size_t(i)] > own;
    tied += scores[std::size_t(i)] == own;
  }
  return std::isnan(own) ? 1 + others : 1 + higher + (tied + 1) / 2;
}

}  // namespace

void reference(const Problem& problem, std::span<Ranks> out) {
  const auto& m = problem.model;
  for (std::size_t u = 0; u < problem.clients.size(); ++u) {
    const auto& c = problem.clients[u];
    Vector scores;
    std::vector<std::int32_t> candidates(c.candidates.begin(), c.candidates.end());
    for (std::int32_t i = 0; i < m.items; ++i) {
      scores.push_back(score(m, c, i));
      if (!c.sampled && !in(c.dropped, i) && !in(m.excluded, i)) candidates.push_back(i);
    }
    if (c.sampled) std::erase(candidates, c.valid);
    out[u].valid = rank_among(scores, c.valid, candidates);
    if (c.valid != c.test) std::erase(candidates, c.valid);
    out[u].test = rank_among(scores, c.test, candidates);
  }
}

}  // namespace fedfuse::rank
