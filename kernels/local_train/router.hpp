#pragma once
// omega = mean over the batch of softmax(Phi2 ReLU(Phi1 x + phi1) + phi2), x = [F_1[i]; ..; F_J[i]]
// (FedVLR, models.md section 4). backward gets d omega and gives dX, then one SGD step.
#include <cmath>

#include "core/small_gemm.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

using namespace small;

class Router {
 public:
  Router(const Shape& shape, const Client& client, ScratchBuffers& ws, int batch)
      : d_(shape.d), J_(shape.views), in_(J_ * d_) {
    const auto& l = shape.router;
    Phi1_ = client.router + l.Phi1;
    phi1_ = client.router + l.phi1;
    Phi2_ = client.router + l.Phi2;
    phi2_ = client.router + l.phi2;
    Phi1t_ = ws.take(0, std::size_t(in_) * d_);
    H_ = ws.take(1, std::size_t(batch) * d_);
    dH_ = ws.take(2, std::size_t(batch) * d_);
    soft_ = ws.take(3, std::size_t(batch) * 3);
    sums_ = ws.take(4, std::size_t(d_) * std::size_t(1 + J_));
    transpose(d_, in_, Phi1_, Phi1t_);
  }

  void forward(const float* X, int n, float* omega) {
    gemm(n, d_, in_, rows_of(X, in_), Phi1t_, d_, H_, d_);
    std::fill_n(omega, J_, 0.0f);
    for (int i = 0; i < n; ++i) {
      float *h = H_ + long(i) * d_, *p = soft_ + long(i) * J_;
#pragma GCC ivdep
      for (int o = 0; o < d_; ++o) h[o] = std::max(h[o] + phi1_[o], 0.0f);
      softmax(h, p);
      for (int j = 0; j < J_; ++j) omega[j] += p[j];
    }
    for (int j = 0; j < J_; ++j) omega[j] /= float(n);
  }

  // d_omega[J] -> dX += (n x J*d, already holds omega_j dC); then the step.
  void backward(const float* X, int n, const float* d_omega, float* dX, const Rates& r) {
    std::fill_n(sums_, d_ * (1 + J_), 0.0f);
    float d_phi2[simd::lanes] = {};
    for (int i = 0; i < n; ++i) {
      const float *h = H_ + long(i) * d_, *p = soft_ + long(i) * J_;
      float* g = dH_ + long(i) * d_;
      float e[simd::lanes] = {}, mean = 0;
      for (int j = 0; j < J_; ++j) mean += p[j] * d_omega[j];
      for (int j = 0; j < J_; ++j) e[j] = p[j] * (d_omega[j] - mean) / float(n);
      std::fill_n(g, d_, 0.0f);
      for (int j = 0; j < J_; ++j) {
        axpy(e[j], Phi2_ + long(j) * d_, g, d_);
        axpy(e[j], h, sums_ + long(1 + j) * d_, d_);
        d_phi2[j] += e[j];
      }
#pragma GCC ivdep
      for (int o = 0; o < d_; ++o) {
        g[o] = h[o] > 0.0f ? g[o] : 0.0f;
        sums_[o] += g[o];
      }
    }
    gemm(n, in_, d_, rows_of(dH_, d_), Phi1_, in_, dX, in_, 1.0f, 1.0f);
    const float keep = 1.0f - r.lr * r.decay;
    gemm(in_, d_, n, transpose_of(X, in_), dH_, d_, Phi1t_, d_, keep, -r.lr);
    transpose(in_, d_, Phi1t_, Phi1_);
    step(keep, -r.lr, sums_, phi1_, d_);
    step(keep, -r.lr, sums_ + d_, Phi2_, J_ * d_);
    step(keep, -r.lr, d_phi2, phi2_, J_);
  }

 private:
  void softmax(const float* h, float* p) const {
    float top = -1e30f, sum = 0;
    for (int j = 0; j < J_; ++j) {
      p[j] = dot(h, Phi2_ + long(j) * d_, d_) + phi2_[j];
      top = std::max(top, p[j]);
    }
    simd::Float8 e{};
    for (int j = 0; j < J_; ++j) e[j] = p[j] - top;
    e = simd::exp(e);
    for (int j = 0; j < J_; ++j) sum += e[j];
    for (int j = 0; j < J_; ++j) p[j] = e[j] / sum;
  }
  int d_, J_, in_;
  float *Phi1_, *phi1_, *Phi2_, *phi2_;
  float *Phi1t_, *H_, *dH_, *soft_, *sums_;
};

}  // namespace fedfuse::local_train
