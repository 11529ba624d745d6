// Naive, in double: every score of every client by the formulas of models.md, then a count. No
// restructuring, and nothing shared with the variants.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/rank/rank.hpp"

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

Vector layer(const float* W, const float* b, int out, const Vector& x) {
  Vector y;
  for (int o = 0; o < out; ++o) {
    double sum = double(b[o]);
    for (std::size_t k = 0; k < x.size(); ++k)
      sum += double(W[std::size_t(o) * x.size() + k]) * x[k];
    y.push_back(std::max(sum, 0.0));
  }
  return y;
}

double last(const float* w, float b, const Vector& x) {
  double s = double(b);
  for (std::size_t k = 0; k < x.size(); ++k) s += double(w[k]) * x[k];
  return s;
}

double mlp(const HeadLayout& h, const float* theta, const float* u, const Vector& z) {
  Vector hidden;
  for (int o = 0; o < h.d; ++o) {
    double sum = double(theta[h.b1 + o]);
    for (int k = 0; k < h.d; ++k)
      sum += double(theta[h.W_u + o * h.d + k]) * double(u[k]) +
             double(theta[h.W_z + o * h.d + k]) * z[std::size_t(k)];
    hidden.push_back(std::max(sum, 0.0));
  }
  return last(theta + h.last_w, theta[h.last_b], hidden);
}

double neumf(const HeadLayout& h, const float* theta, const float* u, Vector z) {
  const auto d = std::size_t(h.d);
  if (z.size() == d) z.insert(z.end(), z.begin(), z.begin() + h.d);
  Vector x(u, u + h.d);
  x.insert(x.end(), z.begin(), z.begin() + h.d);
  x = layer(theta + h.W1, theta + h.b1, h.d, x);
  x = layer(theta + h.W2, theta + h.b2, h.d / 2, x);
  x = layer(theta + h.W3, theta + h.b3, h.d / 4, x);
  for (std::size_t k = 0; k < d; ++k) x.push_back(double(u[d + k]) * z[d + k]);
  return last(theta + h.last_w, theta[h.last_b], x);
}

double score(const Model& m, const Client& c, std::int64_t i) {
  const float* theta = m.theta != nullptr ? m.theta : c.theta;
  const auto z = row_of(m, c, i);
  switch (m.head.kind) {
    case HeadKind::linear:
      return last(theta + m.head.last_w, theta[m.head.last_b], z);
    case HeadKind::mlp:
      return mlp(m.head, theta, c.user, z);
    case HeadKind::neumf:
      return neumf(m.head, theta, c.user, z);
  }
  return 0;
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
