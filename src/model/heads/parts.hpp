#pragma once
// What the heads share: the rates of a step, and the naive layers of their references.
#include <vector>

#include "model/head.hpp"

namespace fedfuse::heads {

// x <- x - rate (dL/dx + decay x); rate: lr for theta and the user vector, lr_items for rows.
struct SgdRates {
  float lr = 0.1f, lr_items = 1.0f, decay = 0.0f;
};

// Sizes of a layout, one part after the other.
class Places {
 public:
  int take(int size) {
    const int begin = next_;
    next_ += size;
    return begin;
  }
  [[nodiscard]] int end() const { return next_; }

 private:
  int next_ = 0;
};

// Where the reference adds d(score)/d(parameter) times ds, and puts d(score)/dz times ds.
using Vector = std::vector<double>;
struct Gradient {
  double* theta = nullptr;
  double* user = nullptr;
  Vector z;
};

// y = W x + b (b: null is 0) and back.
inline Vector affine(const double* W, const double* b, const Vector& x, int out) {
  Vector y(std::size_t(out), 0.0);
  for (int o = 0; o < out; ++o) {
    if (b != nullptr) y[std::size_t(o)] = b[o];
    for (std::size_t k = 0; k < x.size(); ++k)
      y[std::size_t(o)] += W[std::size_t(o) * x.size() + k] * x[k];
  }
  return y;
}
inline Vector affine_back(const double* W, const Vector& x, const Vector& dy, double* dW,
                          double* db) {
  Vector dx(x.size(), 0.0);
  for (std::size_t o = 0; o < dy.size(); ++o) {
    if (db != nullptr) db[o] += dy[o];
    for (std::size_t k = 0; k < x.size(); ++k) {
      dW[o * x.size() + k] += dy[o] * x[k];
      dx[k] += W[o * x.size() + k] * dy[o];
    }
  }
  return dx;
}
inline Vector relu(Vector x) {
  for (auto& v : x) v = v > 0 ? v : 0;
  return x;
}
inline Vector relu_back(const Vector& y, Vector dy) {
  for (std::size_t k = 0; k < y.size(); ++k)
    if (y[k] <= 0) dy[k] = 0;
  return dy;
}
// s = w . features + b, and d(s)/d(features) times ds.
inline double last_layer(const HeadLayout& h, const double* theta, const Vector& features) {
  double s = theta[h.last_b];
  for (std::size_t k = 0; k < features.size(); ++k) s += theta[h.last_w + int(k)] * features[k];
  return s;
}
inline Vector last_layer_back(const HeadLayout& h, const double* theta, const Vector& features,
                              double ds, double* d_theta) {
  Vector df(features.size());
  d_theta[h.last_b] += ds;
  for (std::size_t k = 0; k < features.size(); ++k) {
    d_theta[h.last_w + int(k)] += ds * features[k];
    df[k] = ds * theta[h.last_w + int(k)];
  }
  return df;
}

}  // namespace fedfuse::heads
