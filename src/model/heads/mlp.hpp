#pragma once
// s = w.ReLU(W_u u + W_z z + b1) + b. theta = W_u[d x d] W_z[d x d] b1[d] w[d] b; user = u[d].
// R2: the user half is one vector a batch, its gradient one outer product. W_z is kept transposed
// beside itself: forward and the weight gradient want W_z^T, the row gradient W_z.
#include <algorithm>
#include <cmath>
#include <span>

#include "core/scratch_buffers.hpp"
#include "core/small_gemm.hpp"
#include "core/tile_math.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

using namespace small;

struct Mlp {
  static constexpr HeadKind kind = HeadKind::mlp;

  static HeadLayout layout(int d) {
    Places at;
    HeadLayout h{.kind = kind, .d = d, .user = d, .item_width = d};
    h.hidden_part = true;
    h.W_u = at.take(d * d);
    h.W_z = at.take(d * d);
    h.b1 = at.take(d);
    h.last_width = d;
    h.last_w = at.take(d);
    h.last_b = at.take(1);
    h.theta = at.end();
    h.first_user = h.W_u;
    h.first_item = h.W_z;
    h.first_stride = d;
    return h;
  }
  static double multiply_adds(double d) { return d * d + d; }
  static void init(const HeadLayout& h, const auto& weight, std::span<float> theta) {
    weight(h.W_u, h.d, h.d);
    weight(h.W_z, h.d, h.d);
    const double d = h.d;  // W = [W_u W_z] is one d x 2d layer
    const double shrink = std::sqrt(2.0 * d / (3.0 * d));
    for (int j = h.W_u; j < h.b1; ++j) theta[std::size_t(j)] *= float(shrink);
    weight(h.last_w, 1, h.d);
  }
  static double reference(const HeadLayout& h, const double* theta, const double* user,
                          const Vector& z, double ds, Gradient* g) {
    const Vector u(user, user + h.d);
    Vector hidden = affine(theta + h.W_z, theta + h.b1, z, h.d);
    const Vector user_half = affine(theta + h.W_u, nullptr, u, h.d);
    for (std::size_t k = 0; k < hidden.size(); ++k) hidden[k] += user_half[k];
    hidden = relu(hidden);
    if (g != nullptr) {
      const Vector d_sum = relu_back(hidden, last_layer_back(h, theta, hidden, ds, g->theta));
      g->z = affine_back(theta + h.W_z, z, d_sum, g->theta + h.W_z, g->theta + h.b1);
      const Vector du = affine_back(theta + h.W_u, u, d_sum, g->theta + h.W_u, nullptr);
      for (std::size_t k = 0; k < du.size(); ++k) g->user[k] += du[k];
    }
    return last_layer(h, theta, hidden);
  }

  static float bias(const HeadLayout& h, const float* theta) { return theta[h.last_b]; }
  static double tower_flops(double d) { return d + 2 * d; }
  static constexpr bool tower_is_last_layer = true;  // w . h1: ranking may fuse it with the first
  static int tower_rows(const HeadLayout&) { return 0; }
  template <int V>
  static void tower(const HeadLayout& h, const float* theta, const float* h1, float* /*scratch*/,
                    tilemath::Float8 (&score)[V]) {
    tilemath::chain(score, h1, theta + h.last_w, h.d);
  }

  class Trainer {
   public:
    Trainer(const HeadLayout& h, float* theta, float* user, ScratchBuffers& ws, int batch)
        : d_(h.d), u_(user) {
      W_u_ = theta + h.W_u;
      W_z_ = theta + h.W_z;
      b1_ = theta + h.b1;
      w_ = theta + h.last_w;
      b_ = theta + h.last_b;
      Wt_ = ws.take(0, std::size_t(d_) * d_);
      H_ = ws.take(1, std::size_t(batch) * d_);
      dH_ = ws.take(2, std::size_t(batch) * d_);
      base_ = ws.take(3, std::size_t(d_) * 4);
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
    void backward(const float* Z, const float* delta, int n, float* dZ, const SgdRates& r) {
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
};

}  // namespace fedfuse::heads
