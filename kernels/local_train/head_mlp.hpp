#pragma once
// s = w.ReLU(W_u u + W_z z + b1) + b. R2: the user half is one vector a batch, its gradient one
// outer product. W_z is kept transposed beside itself: forward and the weight gradient want W_z^T,
// the row gradient W_z.
#include "kernels/local_train/gemm.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

class MlpHead {
 public:
  MlpHead(const Shape& shape, const Client& client, Workspace& ws, int batch)
      : d_(shape.d), u_(client.user) {
    const auto& h = shape.head;
    W_u_ = client.theta + h.W_u;
    W_z_ = client.theta + h.W_z;
    b1_ = client.theta + h.b1;
    w_ = client.theta + h.last_w;
    b_ = client.theta + h.last_b;
    Wt_ = ws.take(Workspace::transposed, std::size_t(d_) * d_);
    H_ = ws.take(Workspace::H, std::size_t(batch) * d_);
    dH_ = ws.take(Workspace::dH, std::size_t(batch) * d_);
    base_ = ws.take(Workspace::small, std::size_t(d_) * 4);
    sum_ = base_ + d_;
    dw_ = sum_ + d_;
    du_ = dw_ + d_;
    transpose(d_, d_, W_z_, Wt_);
  }

  void forward(const float* Z, int n, float* s) {
    for (int o = 0; o < d_; ++o) base_[o] = b1_[o] + dot(W_u_ + long(o) * d_, u_, d_);
    gemm(n, d_, d_, rows_of(Z, d_), Wt_, d_, H_, d_);
    for (int i = 0; i < n; ++i) {
      float* h = H_ + long(i) * d_;
#pragma GCC ivdep
      for (int o = 0; o < d_; ++o) h[o] = std::max(h[o] + base_[o], 0.0f);
      s[i] = dot(h, w_, d_) + *b_;
    }
  }
  void backward(const float* Z, const float* delta, int n, float* dZ, const Rates& r) {
    std::fill_n(sum_, 2 * d_, 0.0f);  // sum_ and dw_
    float db = 0;
    for (int i = 0; i < n; ++i) {
      const float *h = H_ + long(i) * d_, e = delta[i];
      float* g = dH_ + long(i) * d_;
#pragma GCC ivdep
      for (int o = 0; o < d_; ++o) {
        g[o] = h[o] > 0.0f ? e * w_[o] : 0.0f;
        sum_[o] += g[o];
        dw_[o] += e * h[o];
      }
      db += e;
    }
    gemm(n, d_, d_, rows_of(dH_, d_), W_z_, d_, dZ, d_);
    const float keep = 1.0f - r.lr * r.decay;
    gemm(d_, d_, n, transpose_of(Z, d_), dH_, d_, Wt_, d_, keep, -r.lr);
    transpose(d_, d_, Wt_, W_z_);
    step_user(keep, r.lr);
    step(keep, -r.lr, dw_, w_, d_);
    step(keep, -r.lr, sum_, b1_, d_);
    *b_ = keep * *b_ - r.lr * db;
  }
  void end() {}

 private:
  // dW_u = sum u^T, du = W_u^T sum, both from the old values.
  void step_user(float keep, float lr) {
    std::fill_n(du_, d_, 0.0f);
    for (int o = 0; o < d_; ++o) {
      float* row = W_u_ + long(o) * d_;
      axpy(sum_[o], row, du_, d_);
      step(keep, -lr * sum_[o], u_, row, d_);
    }
    step(keep, -lr, du_, u_, d_);
  }
  int d_;
  float *u_, *W_u_, *W_z_, *b1_, *w_, *b_;
  float *Wt_, *H_, *dH_, *base_, *sum_, *dw_, *du_;
};

}  // namespace fedfuse::local_train
