#pragma once
// The server's formulas of models.md sections 3 and 4 as they stand on paper: one item at a time,
// dense, no restructuring, no library, nothing shared with the code under test. T is double, or
// std::complex<double>: all functions here are analytic (ReLU apart from its kink), so f(x + ih) /
// h has the derivative in its imaginary part to the last bit (h = 1e-30: nothing cancels), and no
// derivative is worked out by hand.
#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace fedfuse::test {

using Values = std::vector<double>;
using NaiveParameters = std::map<std::string, Values>;

template <class T>
using Vec = std::vector<T>;

inline double real_of(double x) { return x; }
inline double real_of(std::complex<double> x) { return x.real(); }

// y = W x + b, W [out x in].
template <class T>
Vec<T> affine(const Vec<T>& W, const Vec<T>& b, const Vec<T>& x) {
  Vec<T> y = b;
  for (std::size_t o = 0; o < b.size(); ++o)
    for (std::size_t k = 0; k < x.size(); ++k) y[o] += W[o * x.size() + k] * x[k];
  return y;
}
template <class T>
Vec<T> relu(Vec<T> x) {
  for (auto& v : x)
    if (real_of(v) <= 0) v = T(0);
  return x;
}
template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}
template <class T>
Vec<T> operator+(Vec<T> a, const Vec<T>& b) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] += b[k];
  return a;
}
template <class T>
Vec<T> joined(std::initializer_list<Vec<T>> parts) {
  Vec<T> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
template <class T>
Vec<T> layer_norm(const Vec<T>& y, const Vec<T>& weight, const Vec<T>& bias) {
  const double n = double(y.size());
  T mean = 0, variance = 0;
  for (const auto& v : y) mean += v / n;
  for (const auto& v : y) variance += (v - mean) * (v - mean) / n;
  Vec<T> x = bias;
  for (std::size_t k = 0; k < y.size(); ++k)
    x[k] += weight[k] * (y[k] - mean) / std::sqrt(variance + 1e-5);
  return x;
}

// Items: features and masks. Empty features: no item has the modality.
struct NaiveItems {
  std::size_t items = 0, d = 0;
  Values text, image, has_text, has_image;
};

template <class T>
struct Naive {
  std::map<std::string, Vec<T>> p;
  const NaiveItems& data;

  Naive(const NaiveParameters& parameters, const NaiveItems& items) : data(items) {
    for (const auto& [name, values] : parameters) p[name] = Vec<T>(values.begin(), values.end());
  }
  static Vec<T> row(const Vec<T>& m, std::size_t i, std::size_t rows) {
    const auto width = std::ptrdiff_t(m.size() / rows);
    return {m.begin() + std::ptrdiff_t(i) * width, m.begin() + std::ptrdiff_t(i + 1) * width};
  }
  Vec<T> feature(const Values& all, const Values& has, std::size_t i) const {
    auto x = row(Vec<T>(all.begin(), all.end()), i, data.items);
    for (auto& v : x) v *= has[i];
    return x;
  }
  Vec<T> encoded(const std::string& m, const Vec<T>& x) {
    return affine(p["A_" + m], p["a_" + m], x);
  }

  // Q_l[i]
  Vec<T> fused(std::size_t l, std::size_t i, std::size_t groups) {
    const auto x = joined({encoded("g", row(p["e"], l, groups)),
                           encoded("t", feature(data.text, data.has_text, i)),
                           encoded("v", feature(data.image, data.has_image, i))});
    return affine(p["W2"], p["b2"], relu(affine(p["W1"], p["b1"], x)));
  }
  // The views of item i by name.
  std::map<std::string, Vec<T>> views(std::size_t i) {
    std::map<std::string, Vec<T>> x, F;
    x["d"] = encoded("d", row(p["D"], i, data.items));
    x["t"] = encoded("t", feature(data.text, data.has_text, i));
    x["v"] = encoded("v", feature(data.image, data.has_image, i));
    for (auto& [m, y] : x) y = layer_norm(y, p["ln_w_" + m], p["ln_b_" + m]);
    F["sum"] = x["d"] + x["t"] + x["v"];
    if (!p["W1"].empty())
      F["mlp"] = affine(p["W2"], p["b2"],
                        relu(affine(p["W1"], p["b1"], joined({x["d"], x["t"], x["v"]}))));
    if (!p["W_o"].empty()) {
      for (auto& [m, y] : x) {
        y = affine(p["G_" + m], p["g_" + m], y);
        for (auto& v : y) v = sigmoid(v);
      }
      F["gate"] = affine(p["W_o"], p["b_o"], joined({x["d"], x["t"], x["v"]}));
    }
    return F;
  }
};

// f is a template-like callable of Naive<T>; here instantiated for complex numbers. d f / d every
// parameter.
inline NaiveParameters complex_step(
    const NaiveParameters& parameters, const NaiveItems& items,
    const std::function<std::complex<double>(Naive<std::complex<double>>&)>& f) {
  constexpr double h = 1e-30;
  NaiveParameters gradient = parameters;
  Naive<std::complex<double>> net(parameters, items);
  for (auto& [name, g] : gradient)
    for (std::size_t k = 0; k < g.size(); ++k) {
      const auto kept = net.p[name][k];
      net.p[name][k] += std::complex<double>(0, h);
      g[k] = f(net).imag() / h;
      net.p[name][k] = kept;
    }
  return gradient;
}

// Adam and SGD, in double, one number at a time.
struct NaiveOptimizer {
  bool adam;
  double lr;
  int t = 0;
  NaiveParameters m = {}, v = {};
  void step(NaiveParameters& p, const NaiveParameters& gradient) {
    ++t;
    for (auto& [name, values] : p) {
      m[name].resize(values.size());
      v[name].resize(values.size());
      for (std::size_t k = 0; k < values.size(); ++k) {
        const double g = gradient.at(name)[k];
        double& mk = m[name][k];
        double& vk = v[name][k];
        mk = 0.9 * mk + 0.1 * g;
        vk = 0.999 * vk + 0.001 * g * g;
        const double move =
            mk / (1 - std::pow(0.9, t)) / (std::sqrt(vk / (1 - std::pow(0.999, t))) + 1e-8);
        values[k] -= lr * (adam ? move : g);
      }
    }
  }
};

// mean over the pairs and the d components of (Q_l[i] - C_l[i])^2; C: G x M x d, pairs: (l, i).
template <class T>
T naive_teacher_loss(Naive<T>& net, const std::vector<std::pair<std::size_t, std::size_t>>& pairs,
                     const Values& C, std::size_t groups) {
  T sum = 0;
  const auto d = net.data.d;
  for (const auto& [l, i] : pairs) {
    const auto q = net.fused(l, i, groups);
    for (std::size_t k = 0; k < d; ++k) {
      const T error = q[k] - C[(l * net.data.items + i) * d + k];
      sum += error * error;
    }
  }
  return sum / (double(pairs.size()) * double(d));
}

// sum over views, items and components of up * F: its gradient is the chain rule from dL/dF = up.
template <class T>
T naive_views_objective(Naive<T>& net, const std::vector<std::string>& names,
                        const std::vector<Values>& up) {
  T sum = 0;
  for (std::size_t i = 0; i < net.data.items; ++i) {
    auto F = net.views(i);
    for (std::size_t j = 0; j < names.size(); ++j)
      for (std::size_t k = 0; k < net.data.d; ++k)
        sum += up[j][i * net.data.d + k] * F[names[j]][k];
  }
  return sum;
}

}  // namespace fedfuse::test
