#pragma once
// MLP tower [u1; z1] -> d -> d/2 -> d/4 with ReLU, GMF part u2 o z2, s = w.[tower; GMF] + b;
// z = [z1; z2] is 2d wide. theta = W1[d x 2d] b1[d] W2[d/2 x d] b2 W3[d/4 x d/2] b3 w[d/4+d] b;
// user = u1[d] u2[d]. R2: the user half of the first layer is one vector a batch.
#include <algorithm>
#include <span>

#include "core/scratch_buffers.hpp"
#include "core/small_gemm.hpp"
#include "core/tile_math.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

using namespace small;

struct Neumf {
  static constexpr HeadKind kind = HeadKind::neumf;

  static HeadLayout layout(int d) {
    Places at;
    HeadLayout h{.kind = kind, .d = d, .user = 2 * d, .item_width = 2 * d};
    h.linear_part = true;
    h.hidden_part = true;
    h.W1 = at.take(2 * d * d);
    h.b1 = at.take(d);
    h.W2 = at.take(d / 2 * d);
    h.b2 = at.take(d / 2);
    h.W3 = at.take(d / 4 * (d / 2));
    h.b3 = at.take(d / 4);
    h.last_width = d / 4 + d;
    h.last_w = at.take(h.last_width);
    h.last_b = at.take(1);
    h.theta = at.end();
    h.first_user = h.W1;
    h.first_item = h.W1 + d;
    h.first_stride = 2 * d;
    h.linear_user = d;
    return h;
  }
  static double multiply_adds(double d) { return d * d + d * d / 2 + d * d / 8 + d / 4 + 2 * d; }
  static void init(const HeadLayout& h, const auto& weight, std::span<float>) {
    const int d = h.d;
    weight(h.W1, d, 2 * d);
    weight(h.W2, d / 2, d);
    weight(h.W3, d / 4, d / 2);
    weight(h.last_w, 1, h.last_width);
  }
  static double reference(const HeadLayout& h, const double* theta, const double* user,
                          const Vector& z, double ds, Gradient* g) {
    const auto d = std::size_t(h.d);
    Vector x(user, user + d);
    x.insert(x.end(), z.begin(), z.begin() + h.d);
    const Vector x1 = relu(affine(theta + h.W1, theta + h.b1, x, h.d)),
                 x2 = relu(affine(theta + h.W2, theta + h.b2, x1, h.d / 2)),
                 x3 = relu(affine(theta + h.W3, theta + h.b3, x2, h.d / 4));
    Vector features = x3;
    for (std::size_t k = 0; k < d; ++k) features.push_back(user[d + k] * z[d + k]);
    if (g == nullptr) return last_layer(h, theta, features);
    const Vector df = last_layer_back(h, theta, features, ds, g->theta);
    g->z.assign(2 * d, 0.0);
    for (std::size_t k = 0; k < d; ++k) {
      const double e = df[x3.size() + k];
      g->user[d + k] += e * z[d + k];
      g->z[d + k] = e * user[d + k];
    }
    Vector dy = relu_back(x3, Vector(df.begin(), df.begin() + std::ptrdiff_t(x3.size())));
    dy = relu_back(x2, affine_back(theta + h.W3, x2, dy, g->theta + h.W3, g->theta + h.b3));
    dy = relu_back(x1, affine_back(theta + h.W2, x1, dy, g->theta + h.W2, g->theta + h.b2));
    const Vector dx = affine_back(theta + h.W1, x, dy, g->theta + h.W1, g->theta + h.b1);
    for (std::size_t k = 0; k < d; ++k) {
      g->user[k] += dx[k];
      g->z[k] += dx[d + k];
    }
    return last_layer(h, theta, features);
  }

  static float bias(const HeadLayout& h, const float* theta) { return theta[h.last_b]; }
  static void linear_weights(const HeadLayout& h, const float* theta, const float* user, float* g) {
    const float* w = theta + h.last_w + h.d / 4;
    for (int k = 0; k < h.d; ++k) g[k] = w[k] * user[h.d + k];
  }
  static double tower_flops(double d) { return d + d * d + d / 2 + d * d / 4 + d / 4 + d / 2; }
  static constexpr bool tower_is_last_layer = false;
  static int tower_rows(const HeadLayout& h) { return h.d / 2 + h.d / 4; }
  template <int V>
  static void tower(const HeadLayout& h, const float* theta, const float* h1, float* scratch,
                    tilemath::Float8 (&score)[V]) {
    const int d = h.d;
    float *h2 = scratch, *h3 = scratch + d / 2 * V * tilemath::lanes;
    tilemath::dense<V, true>(
        {.weight = theta + h.W2, .ldw = d, .n_out = d / 2, .n_in = d, .bias = theta + h.b2}, h1,
        h2);
    tilemath::dense<V, true>(
        {.weight = theta + h.W3, .ldw = d / 2, .n_out = d / 4, .n_in = d / 2, .bias = theta + h.b3},
        h2, h3);
    tilemath::chain(score, h3, theta + h.last_w, d / 4);
  }

  class Trainer {
   public:
    Trainer(const HeadLayout& h, float* theta, float* user, ScratchBuffers& ws, int batch)
        : d_(h.d), h2_(d_ / 2), h3_(d_ / 4) {
      W1_ = theta + h.W1;
      b1_ = theta + h.b1;
      W2_ = theta + h.W2;
      b2_ = theta + h.b2;
      W3_ = theta + h.W3;
      b3_ = theta + h.b3;
      w_ = theta + h.last_w;
      b_ = theta + h.last_b;
      u1_ = user;
      u2_ = user + d_;
      W1u_ = ws.take(0, std::size_t(2 * d_) * d_);
      W1z_ = W1u_ + long(d_) * d_;
      W1zt_ = ws.take(1, std::size_t(d_) * d_ + std::size_t(h2_) * d_ + std::size_t(h3_) * h2_);
      W2t_ = W1zt_ + long(d_) * d_;
      W3t_ = W2t_ + long(h2_) * d_;
      const auto n = std::size_t(batch);
      T1_ = ws.take(2, n * d_);
      dT1_ = ws.take(3, n * d_);
      T2_ = ws.take(4, n * h2_);
      dT2_ = ws.take(5, n * h2_);
      T3_ = ws.take(6, n * h3_);
      dT3_ = ws.take(7, n * h3_);
      base_ = ws.take(8, std::size_t(d_) * 8);
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

    void backward(const float* Z, const float* delta, int n, float* dZ, const SgdRates& r) {
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
    void apply(const float* Z, int n, float db, const SgdRates& r) {
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
};

}  // namespace fedfuse::heads
