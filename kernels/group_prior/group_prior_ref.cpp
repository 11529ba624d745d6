// The naive form in double: item by item, group by group.
#include <cmath>

#include "kernels/group_prior/group_prior.hpp"

namespace fedfuse::group_prior {
namespace {

// log(1 + e^x)
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace

void reference(const Problem& p, std::span<const double> w, Result& result) {
  const auto& l = p.layout;
  const auto P = std::size_t(l.P), h = std::size_t(l.h), G = std::size_t(l.G);
  result.loss = 0;
  result.logits.assign(std::size_t(p.items) * G, 0.0);
  result.gradient.assign(l.size, 0.0);
  auto& d = result.gradient;
  std::vector<double> H(h);
  for (std::size_t i = 0; i < std::size_t(p.items); ++i)
    for (std::size_t g = 0; g < G; ++g) {
      double logit = w[l.b + g];
      for (std::size_t k = 0; k < h; ++k) {
        double x = w[l.A + g * h + k];
        for (std::size_t j = 0; j < P; ++j) x += w[l.U + k * P + j] * double(p.Z[i * P + j]);
        H[k] = x > 0 ? x : 0;
        logit += (w[l.v + k] + w[l.V + g * h + k]) * H[k];
      }
      result.logits[i * G + g] = logit;
      if (p.S == nullptr) continue;
      const double S = p.S[i * G + g], N = double(p.N[g]) * (p.c == nullptr ? 1.0 : double(p.c[i]));
      result.loss += (S * softplus(-logit) + N * softplus(logit)) / p.total;
      const double slope = ((S + N) / (1 + std::exp(-logit)) - S) / p.total;
      d[l.b + g] += slope;
      for (std::size_t k = 0; k < h; ++k) {
        if (H[k] == 0) continue;
        const double up = slope * (w[l.v + k] + w[l.V + g * h + k]);
        d[l.v + k] += slope * H[k];
        d[l.V + g * h + k] += slope * H[k];
        d[l.A + g * h + k] += up;
        for (std::size_t j = 0; j < P; ++j) d[l.U + k * P + j] += up * double(p.Z[i * P + j]);
      }
    }
}

void reference(const Problem& p, Result& result) {
  const std::vector<double> parameters(p.parameters, p.parameters + p.layout.size);
  reference(p, parameters, result);
}

}  // namespace fedfuse::group_prior
