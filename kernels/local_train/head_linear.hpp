#pragma once
// s = w.z + b. Interface of every head: begin (once a round), forward, backward (dZ from the old
// weights, then one SGD step of theta and u), end (write back what was kept in another layout).
#include "kernels/local_train/gemm.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

class LinearHead {
 public:
  LinearHead(const Shape& shape, const Client& client, Workspace& ws, int /*batch*/)
      : d_(shape.d),
        w_(client.theta + shape.head.last_w),
        b_(client.theta + shape.head.last_b),
        dw_(ws.take(Workspace::small, std::size_t(d_))) {}

  void forward(const float* Z, int n, float* s) const {
    for (int i = 0; i < n; ++i) s[i] = dot(w_, Z + long(i) * d_, d_) + *b_;
  }
  void backward(const float* Z, const float* delta, int n, float* dZ, const Rates& r) {
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < d_; ++k) dZ[long(i) * d_ + k] = delta[i] * w_[k];
    std::fill_n(dw_, d_, 0.0f);
    float db = 0;
    for (int i = 0; i < n; ++i) {
      axpy(delta[i], Z + long(i) * d_, dw_, d_);
      db += delta[i];
    }
    apply(db, r);
  }
  // The same with rows in place (no copy of Z, no dZ): duplicates in a batch add up in sample
  // order.
  void backward_rows(float* rows, const std::int32_t* slot, const float* delta, int n,
                     const Rates& r) {
    std::fill_n(dw_, d_, 0.0f);
    float db = 0;
    for (int i = 0; i < n; ++i) {
      axpy(delta[i], rows + long(slot[i]) * d_, dw_, d_);
      db += delta[i];
    }
    for (int i = 0; i < n; ++i) axpy(-r.lr_items * delta[i], w_, rows + long(slot[i]) * d_, d_);
    apply(db, r);
  }
  [[nodiscard]] float score(const float* z) const { return dot(w_, z, d_) + *b_; }
  void end() {}

 private:
  void apply(float db, const Rates& r) {
    const float keep = 1.0f - r.lr * r.decay;
    step(keep, -r.lr, dw_, w_, d_);
    *b_ = keep * *b_ - r.lr * db;
  }
  int d_;
  float *w_, *b_, *dw_;
};

}  // namespace fedfuse::local_train
