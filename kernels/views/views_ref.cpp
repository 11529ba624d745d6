// The formulas as they stand, item by item in double, and their derivatives by the chain rule.
#include <cmath>

#include "kernels/views/views.hpp"

namespace fedfuse::views {
namespace {

using Vector = std::vector<double>;

struct Item {
  std::array<Vector, branches> e, n, x, s;  // inputs, normalised rows, LN's output, gates
  std::array<double, branches> sd{};
  Vector joined, h;
};

class Naive {
 public:
  Naive(const Problem& problem, std::span<const double> parameters, std::span<const double> D,
        Result& result)
      : p_(problem), l_(problem.layout), w_(parameters), D_(D), out_(result) {}

  void item(std::int64_t i) {
    Item a = encode(i);
    std::array<Vector, branches> dx;
    for (auto& v : dx) v.assign(std::size_t(l_.d), 0.0);
    for (std::size_t j = 0; j < l_.views.size(); ++j) {
      Vector up(std::size_t(l_.d), 0.0);
      for (std::int64_t k = 0; k < l_.d && p_.view_grad[j] != nullptr; ++k)
        up[std::size_t(k)] = p_.view_grad[j][i * l_.d + k];
      Vector F;
      if (l_.views[j] == View::sum) F = sum(a, up, dx);
      if (l_.views[j] == View::mlp) F = mlp(a, up, dx);
      if (l_.views[j] == View::gate) F = gate(a, up, dx);
      std::ranges::copy(F, out_.views[j].begin() + i * l_.d);
    }
    for (std::size_t m = 0; m < branches; ++m) back_encode(a, m, dx[m], i);
  }

 private:
  // y = W x + b, W rows x |x|; and the way back: up into the gradients of W and b, W^T up is
  // returned.
  Vector affine(std::size_t W, std::size_t b, std::int64_t rows, const Vector& x) const {
    Vector y(std::size_t(rows), 0.0);
    for (std::size_t o = 0; o < y.size(); ++o) {
      y[o] = w_[b + o];
      for (std::size_t k = 0; k < x.size(); ++k) y[o] += w_[W + o * x.size() + k] * x[k];
    }
    return y;
  }
  Vector back_affine(std::size_t W, std::size_t b, const Vector& up, const Vector& x) {
    Vector down(x.size(), 0.0);
    for (std::size_t o = 0; o < up.size(); ++o) {
      out_.gradient[b + o] += up[o];
      for (std::size_t k = 0; k < x.size(); ++k) {
        out_.gradient[W + o * x.size() + k] += up[o] * x[k];
        down[k] += w_[W + o * x.size() + k] * up[o];
      }
    }
    return down;
  }
  // n becomes the normalised row.
  Vector layer_norm(const Layout::Branch& b, Vector& n, double& sd) const {
    double mean = 0, variance = 0;
    for (const double y : n) mean += y / double(l_.d);
    for (const double y : n) variance += (y - mean) * (y - mean) / double(l_.d);
    sd = std::sqrt(variance + double(ln_epsilon));
    Vector x;
    for (std::size_t k = 0; k < n.size(); ++k) {
      n[k] = (n[k] - mean) / sd;
      x.push_back(w_[b.ln_w + k] * n[k] + w_[b.ln_b + k]);
    }
    return x;
  }
  Item encode(std::int64_t i) const {
    Item a;
    for (std::size_t m = 0; m < branches; ++m) {
      const auto& b = l_.branch[m];
      a.e[m].assign(std::size_t(b.width), 0.0);
      for (std::int64_t k = 0; k < b.width; ++k)
        if (p_.has[m] == nullptr || p_.has[m][i] != 0)
          a.e[m][std::size_t(k)] =
              m == 0 ? D_[std::size_t(i * b.width + k)] : double(p_.features[m][i * b.width + k]);
      a.n[m] = affine(b.A, b.a, l_.d, a.e[m]);
      a.x[m] = l_.layer_norm() ? layer_norm(b, a.n[m], a.sd[m]) : a.n[m];
      a.joined.insert(a.joined.end(), a.x[m].begin(), a.x[m].end());
    }
    return a;
  }
  Vector sum(const Item& a, const Vector& up, std::array<Vector, branches>& dx) const {
    Vector F(up.size(), 0.0);
    for (std::size_t m = 0; m < branches; ++m)
      for (std::size_t k = 0; k < F.size(); ++k) {
        F[k] += a.x[m][k];
        dx[m][k] += up[k];
      }
    return F;
  }
  Vector mlp(Item& a, const Vector& up, std::array<Vector, branches>& dx) {
    a.h = affine(l_.W1, l_.b1, 2 * l_.d, a.joined);
    for (auto& h : a.h) h = h > 0 ? h : 0.0;
    auto dh = back_affine(l_.W2, l_.b2, up, a.h);
    for (std::size_t k = 0; k < dh.size(); ++k) dh[k] = a.h[k] > 0 ? dh[k] : 0.0;
    const auto down = back_affine(l_.W1, l_.b1, dh, a.joined);
    for (std::size_t k = 0; k < down.size(); ++k) dx[k / up.size()][k % up.size()] += down[k];
    return affine(l_.W2, l_.b2, l_.d, a.h);
  }
  Vector gate(Item& a, const Vector& up, std::array<Vector, branches>& dx) {
    Vector joined;
    for (std::size_t m = 0; m < branches; ++m) {
      a.s[m] = affine(l_.branch[m].G, l_.branch[m].g, l_.d, a.x[m]);
      for (auto& s : a.s[m]) s = 1.0 / (1.0 + std::exp(-s));
      joined.insert(joined.end(), a.s[m].begin(), a.s[m].end());
    }
    const auto ds = back_affine(l_.W_o, l_.b_o, up, joined);
    for (std::size_t m = 0; m < branches; ++m) {
      Vector inside(up.size());
      for (std::size_t k = 0; k < inside.size(); ++k)
        inside[k] = ds[m * up.size() + k] * a.s[m][k] * (1.0 - a.s[m][k]);
      const auto down = back_affine(l_.branch[m].G, l_.branch[m].g, inside, a.x[m]);
      for (std::size_t k = 0; k < down.size(); ++k) dx[m][k] += down[k];
    }
    return affine(l_.W_o, l_.b_o, l_.d, joined);
  }
  void back_encode(const Item& a, std::size_t m, const Vector& dx, std::int64_t i) {
    const auto& b = l_.branch[m];
    const auto dy = l_.layer_norm() ? back_layer_norm(a, m, dx) : dx;
    const auto down = back_affine(b.A, b.a, dy, a.e[m]);
    if (m == 0) std::ranges::copy(down, out_.D.begin() + i * l_.d);
  }
  Vector back_layer_norm(const Item& a, std::size_t m, const Vector& dx) {
    const auto& b = l_.branch[m];
    const double d = double(l_.d);
    Vector dn(dx.size()), dy(dx.size());
    double mean = 0, along = 0;
    for (std::size_t k = 0; k < dx.size(); ++k) {
      out_.gradient[b.ln_b + k] += dx[k];
      out_.gradient[b.ln_w + k] += dx[k] * a.n[m][k];
      dn[k] = w_[b.ln_w + k] * dx[k];
      mean += dn[k] / d;
      along += dn[k] * a.n[m][k] / d;
    }
    for (std::size_t k = 0; k < dx.size(); ++k)
      dy[k] = (dn[k] - mean - a.n[m][k] * along) / a.sd[m];
    return dy;
  }

  const Problem& p_;
  const Layout& l_;
  std::span<const double> w_, D_;
  Result& out_;
};

}  // namespace

void reference(const Problem& p, std::span<const double> parameters, std::span<const double> D,
               Result& result) {
  result.views.assign(p.layout.views.size(), Vector(std::size_t(p.items * p.layout.d)));
  result.gradient.assign(p.layout.size, 0.0);
  result.D.assign(std::size_t(p.items * p.layout.d), 0.0);
  Naive naive(p, parameters, D, result);
  for (std::int64_t i = 0; i < p.items; ++i) naive.item(i);
}

void reference(const Problem& p, Result& result) {
  const Vector parameters(p.parameters, p.parameters + p.layout.size),
      D(p.features[0], p.features[0] + p.items * p.layout.d);
  reference(p, parameters, D, result);
}

}  // namespace fedfuse::views
