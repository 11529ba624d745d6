#pragma once
// MLP tower [u1; z1] -> d -> d/2 -> d/4 with ReLU, GMF part u2 o z2, s = w.[tower; GMF] + b; z =
// [z1; z2] is 2d wide. R2: the user half of the first layer is one vector a batch.
#include "kernels/local_train/gemm.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

class NeumfHead {
 public:
  NeumfHead(const Shape& shape, const Client& client, Workspace& ws, int batch)
      : d_(shape.d), h2_(d_ / 2), h3_(d_ / 4) {
    const auto& h = shape.head;
    float* t = client.theta;
    W1_ = t + h.W1;
    b1_ = t + h.b1;
    W2_ = t + h.W2;
    b2_ = t + h.b2;
    W3_ = t + h.W3;
    b3_ = t + h.b3;
    w_ = t + h.last_w;
    b_ = t + h.last_b;
    u1_ = client.user;
    u2_ = client.user + d_;
    W1u_ = ws.take(Workspace::weights, std::size_t(2 * d_) * d_);
    W1z_ = W1u_ + long(d_) * d_;
    W1zt_ = ws.take(Workspace::transposed,
                    std::size_t(d_) * d_ + std::size_t(h2_) * d_ + std::size_t(h3_) * h2_);
    W2t_ = W1zt_ + long(d_) * d_;
    W3t_ = W2t_ + long(h2_) * d_;
    const auto n = std::size_t(batch);
    T1_ = ws.take(Workspace::H, n * d_);
    dT1_ = ws.take(Workspace::dH, n * d_);
    T2_ = ws.take(Workspace::T2, n * h2_);
    dT2_ = ws.take(Workspace::dT2, n * h2_);
    T3_ = ws.take(Workspace::T3, n * h3_);
    dT3_ = ws.take(Workspace::dT3, n * h3_);
    base_ = ws.take(Workspace::small, std::size_t(d_) * 8);
    s1_ = base_ + d_;
    s2_ = s1_ + d_;
    s3_ = s2_ + d_;
    dw_ = s3_ + d_;
    du1_ = dw_ + 2 * d_;
    du2_ = du1_ + d_;
    for (int o = 0; o < d_; ++o) {
      std::copy_n(W1_ + long(o) * 2 * d_, d_, W1u_ + long(o) * d_);
      std::copy_n(W1_ + long(o) * 2 * d_ + d_, d_, W1z_ + long(o) * d_);
    }
    refresh();
  }

  void forward(const float* Z, int n, float* s) {
    for (int o = 0; o < d_; ++o) base_[o] = b1_[o] + dot(W1u_ + long(o) * d_, u1_, d_);
    gemm(n, d_, d_, rows_of(Z, 2 * d_), W1zt_, d_, T1_, d_);
    relu(n, d_, base_, T1_);
    gemm(n, h2_, d_, rows_of(T1_, d_), W2t_, h2_, T2_, h2_);
    relu(n, h2_, b2_, T2_);
    gemm(n, h3_, h2_, rows_of(T2_, h2_), W3t_, h3_, T3_, h3_);
    relu(n, h3_, b3_, T3_);
    for (int i = 0; i < n; ++i) {
      const float *t = T3_ + long(i) * h3_, *z2 = Z + long(i) * 2 * d_ + d_, *wg = w_ + h3_;
      float gmf = 0;
      for (int k = 0; k < d_; ++k) gmf += wg[k] * u2_[k] * z2[k];
      s[i] = dot(t, w_, h3_) + gmf + *b_;
    }
  }

  void backward(const float* Z, const float* delta, int n, float* dZ, const Rates& r) {
    std::fill_n(s1_, 7 * d_, 0.0f);  // every sum below
    const float* wg = w_ + h3_;
    float db = 0;
    for (int i = 0; i < n; ++i) {
      const float e = delta[i], *t = T3_ + long(i) * h3_, *z2 = Z + long(i) * 2 * d_ + d_;
      float *g = dT3_ + long(i) * h3_, *dz2 = dZ + long(i) * 2 * d_ + d_;
#pragma GCC ivdep
      for (int k = 0; k < h3_; ++k) {
        g[k] = t[k] > 0.0f ? e * w_[k] : 0.0f;
        dw_[k] += e * t[k];
        s3_[k] += g[k];
      }
#pragma GCC ivdep
      for (int k = 0; k < d_; ++k) {
        dw_[h3_ + k] += e * u2_[k] * z2[k];
        du2_[k] += e * wg[k] * z2[k];
        dz2[k] = e * wg[k] * u2_[k];
      }
      db += e;
    }
    gemm(n, h2_, h3_, rows_of(dT3_, h3_), W3_, h2_, dT2_, h2_);
    mask(n, h2_, T2_, dT2_, s2_);
    gemm(n, d_, h2_, rows_of(dT2_, h2_), W2_, d_, dT1_, d_);
    mask(n, d_, T1_, dT1_, s1_);
    gemm(n, d_, d_, rows_of(dT1_, d_), W1z_, d_, dZ, 2 * d_);
    apply(Z, n, db, r);
  }

  void end() {
    for (int o = 0; o < d_; ++o) {
      std::copy_n(W1u_ + long(o) * d_, d_, W1_ + long(o) * 2 * d_);
      std::copy_n(W1z_ + long(o) * d_, d_, W1_ + long(o) * 2 * d_ + d_);
    }
  }

 private:
  static void relu(int n, int width, const float* bias, float* T) {
    for (int i = 0; i < n; ++i)
#pragma GCC ivdep
      for (int k = 0; k < width; ++k)
        T[long(i) * width + k] = std::max(T[long(i) * width + k] + bias[k], 0.0f);
  }
  static void mask(int n, int width, const float* T, float* dT, float* sum) {
    for (int i = 0; i < n; ++i)
#pragma GCC ivdep
      for (int k = 0; k < width; ++k) {
        float& g = dT[long(i) * width + k];
        g = T[long(i) * width + k] > 0.0f ? g : 0.0f;
        sum[k] += g;
      }
  }
  void refresh() {
    transpose(d_, d_, W1z_, W1zt_);
    transpose(h2_, d_, W2_, W2t_);
    transpose(h3_, h2_, W3_, W3t_);
  }
  void apply(const float* Z, int n, float db, const Rates& r) {
    const float keep = 1.0f - r.lr * r.decay;
    gemm(d_, d_, n, transpose_of(dT1_, d_), Z, 2 * d_, W1z_, d_, keep, -r.lr);
    gemm(h2_, d_, n, transpose_of(dT2_, h2_), T1_, d_, W2_, d_, keep, -r.lr);
    gemm(h3_, h2_, n, transpose_of(dT3_, h3_), T2_, h2_, W3_, h2_, keep, -r.lr);
    for (int o = 0; o < d_; ++o) {  // dW1u = s1 u1^T, du1 = W1u^T s1, from the old values
      float* row = W1u_ + long(o) * d_;
      axpy(s1_[o], row, du1_, d_);
      step(keep, -r.lr * s1_[o], u1_, row, d_);
    }
    step(keep, -r.lr, du1_, u1_, d_);
    step(keep, -r.lr, du2_, u2_, d_);
    step(keep, -r.lr, s1_, b1_, d_);
    step(keep, -r.lr, s2_, b2_, h2_);
    step(keep, -r.lr, s3_, b3_, h3_);
    step(keep, -r.lr, dw_, w_, h3_ + d_);
    *b_ = keep * *b_ - r.lr * db;
    refresh();
  }
  int d_, h2_, h3_;
  float *W1_, *b1_, *W2_, *b2_, *W3_, *b3_, *w_, *b_, *u1_, *u2_;
  float *W1u_, *W1z_, *W1zt_, *W2t_, *W3t_;
  float *T1_, *dT1_, *T2_, *dT2_, *T3_, *dT3_;
  float *base_, *s1_, *s2_, *s3_, *dw_, *du1_, *du2_;
};

}  // namespace fedfuse::local_train
