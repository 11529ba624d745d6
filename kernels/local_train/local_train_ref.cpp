#include "kernels/local_train/local_train_ref.hpp"

#include <cmath>

#include "model/head_score.hpp"

namespace fedfuse::local_train {
namespace {

using heads::Vector;

using heads::affine, heads::affine_back, heads::relu, heads::relu_back;

struct Routed {
  std::vector<Vector> inputs, hidden, weights;  // per sample
  Vector omega;                                 // their mean
};
Routed route(const Shape& s, const DenseClient& at, const std::vector<std::int64_t>& items) {
  Routed r;
  const std::size_t J = std::size_t(s.views), w = std::size_t(s.width);
  r.omega.assign(J, 0.0);
  for (const auto item : items) {
    Vector x;
    for (std::size_t j = 0; j < J; ++j) {
      const double* row = at.table.data() + (j * std::size_t(at.items) + std::size_t(item)) * w;
      x.insert(x.end(), row, row + w);
    }
    r.inputs.push_back(x);
    r.hidden.push_back(
        relu(affine(at.router.data() + s.router.Phi1, at.router.data() + s.router.phi1, x, s.d)));
    Vector p = affine(at.router.data() + s.router.Phi2, at.router.data() + s.router.phi2,
                      r.hidden.back(), s.views);
    double sum = 0;
    for (auto& v : p) sum += v = std::exp(v);
    for (std::size_t j = 0; j < J; ++j) r.omega[j] += (p[j] /= sum) / double(items.size());
    r.weights.push_back(p);
  }
  return r;
}
void route_back(const Shape& s, const DenseClient& at, const std::vector<std::int64_t>& items,
                const Routed& r, const Vector& d_omega, DenseClient& g) {
  const std::size_t J = std::size_t(s.views), w = std::size_t(s.width);
  for (std::size_t i = 0; i < items.size(); ++i) {
    double mean = 0;
    for (std::size_t j = 0; j < J; ++j) mean += r.weights[i][j] * d_omega[j];
    Vector e(J);
    for (std::size_t j = 0; j < J; ++j)
      e[j] = r.weights[i][j] * (d_omega[j] - mean) / double(items.size());
    const auto& l = s.router;
    const Vector dh =
        relu_back(r.hidden[i], affine_back(at.router.data() + l.Phi2, r.hidden[i], e,
                                           g.router.data() + l.Phi2, g.router.data() + l.phi2));
    const Vector dx = affine_back(at.router.data() + l.Phi1, r.inputs[i], dh,
                                  g.router.data() + l.Phi1, g.router.data() + l.phi1);
    for (std::size_t j = 0; j < J; ++j)
      for (std::size_t k = 0; k < w; ++k)
        g.table[(j * std::size_t(at.items) + std::size_t(items[i])) * w + k] += dx[j * w + k];
  }
}

// q = 1 - p, of which a subtraction would leave no digit where p is near 1
double kl(double t, double p, double q) {
  return (t > 0 ? t * std::log(t / p) : 0) + (t < 1 ? (1 - t) * std::log((1 - t) / q) : 0);
}

}  // namespace

std::vector<double> reference_router(const Shape& shape, const DenseClient& at,
                                     const std::vector<std::int64_t>& items) {
  return route(shape, at, items).omega;
}

double reference_loss(const Shape& shape, const DenseRates& rates, const DenseClient& at,
                      const std::vector<std::int64_t>& items, const std::vector<double>& labels,
                      DenseClient* gradient) {
  const std::size_t J = std::size_t(shape.views), w = std::size_t(shape.width), n = items.size();
  Routed routed;
  if (J > 1) routed = route(shape, at, items);
  const Vector omega = J > 1 ? routed.omega : Vector{1.0};
  Vector d_omega(J, 0.0);
  double loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t item = std::size_t(items[i]);
    const auto row = [&](std::size_t j) {
      return at.table.data() + (j * std::size_t(at.items) + item) * w;
    };
    Vector c(w, 0.0);
    for (std::size_t j = 0; j < J; ++j)
      for (std::size_t k = 0; k < w; ++k) c[k] += omega[j] * row(j)[k];
    Vector z = c;
    if (shape.personal)
      for (std::size_t k = 0; k < w; ++k) z[k] += at.personal[item * w + k];
    if (shape.head.item_width != shape.width) {
      const Vector half = z;
      z.insert(z.end(), half.begin(), half.end());
    }
    const double offset = at.prior.empty() ? 0.0 : at.prior[item];
    const double s = head_score(shape.head, at.theta.data(), at.user.data(), z) + offset,
                 p = 1 / (1 + std::exp(-s)), q = 1 / (1 + std::exp(s)), y = labels[i];
    const double lambda = rates.soft_negatives_only && y > 0 ? 0 : rates.lambda;
    loss += -(y * std::log(p) + (1 - y) * std::log(q)) / double(n);
    if (lambda > 0) loss += lambda * kl(at.soft[item], p, q) / double(n);
    double squares = 0, magnitudes = 0;
    const double scale = 1 / (double(n) * double(w));
    for (std::size_t k = 0; k < w && shape.personal; ++k) {
      const double apart = at.personal[item * w + k] - c[k];
      squares += apart * apart;
      magnitudes += std::abs(c[k]);
    }
    loss += scale * (rates.rap_beta * magnitudes - rates.rap_alpha * squares);
    if (gradient == nullptr) continue;

    double ds = (p - y) / double(n);
    if (lambda > 0) ds += lambda * (p - at.soft[item]) / double(n);
    heads::Gradient of_head{gradient->theta.data(), gradient->user.data(), {}};
    head_score(shape.head, at.theta.data(), at.user.data(), z, ds, of_head);
    Vector& dz = of_head.z;
    if (dz.size() > w)
      for (std::size_t k = 0; k < w && shape.head.item_width != shape.width; ++k)
        dz[k] += dz[w + k];
    for (std::size_t k = 0; k < w; ++k) {
      double dc = dz[k];
      if (shape.personal) {
        const double apart = at.personal[item * w + k] - c[k];
        gradient->personal[item * w + k] += dz[k] - 2 * rates.rap_alpha * scale * apart;
        if (shape.rows_trained)
          dc += 2 * rates.rap_alpha * scale * apart + rates.rap_beta * scale *
                                                          (c[k] > 0   ? 1
                                                           : c[k] < 0 ? -1
                                                                      : 0);
      }
      for (std::size_t j = 0; j < J; ++j) {
        gradient->table[(j * std::size_t(at.items) + item) * w + k] += omega[j] * dc;
        d_omega[j] += row(j)[k] * dc;
      }
    }
  }
  if (gradient != nullptr && J > 1) route_back(shape, at, items, routed, d_omega, *gradient);
  return loss;
}

std::vector<double> reference_train(const Shape& shape, const DenseRates& rates,
                                    DenseClient& client, const DenseSteps& steps,
                                    std::vector<double>& view_grad) {
  Vector losses;
  view_grad.assign(client.table.size(), 0.0);
  // samples: what the mean gradient g is multiplied by
  const auto sgd = [&](Vector& x, const Vector& g, double lr, double samples = 1) {
    for (std::size_t k = 0; k < x.size(); ++k) x[k] -= lr * (samples * g[k] + rates.decay * x[k]);
  };
  for (std::size_t k = 0; k < steps.items.size(); ++k) {
    DenseClient g = client;
    for (auto* v : {&g.theta, &g.user, &g.router, &g.table, &g.personal}) v->assign(v->size(), 0.0);
    losses.push_back(reference_loss(shape, rates, client, steps.items[k], steps.labels[k], &g));
    sgd(client.theta, g.theta, rates.lr);
    sgd(client.user, g.user, rates.lr);
    if (rates.router_learns) sgd(client.router, g.router, rates.lr);
    const double of_rows = rates.rows_by_sum ? double(steps.items[k].size()) : 1;
    sgd(client.personal, g.personal, rates.lr_items, of_rows);
    if (shape.rows_trained) {
      sgd(client.table, g.table, rates.lr_items, of_rows);
    } else {
      for (std::size_t at = 0; at < view_grad.size(); ++at) view_grad[at] += g.table[at];
    }
  }
  return losses;
}

}  // namespace fedfuse::local_train
