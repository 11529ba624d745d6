#pragma once
// s = w.z + b. theta = w[d] b; no user vector.
//
// What a head says of itself, here and in every file of this folder:
//   layout               where its parameters stand
//   multiply_adds        of one sample in one forward pass
//   init                 weight(offset, out, in) fills a weight matrix; biases are zero
//   reference            score of one z in double, and with a gradient its derivatives times ds
//   bias, linear_weights, tower: the score as model/head.hpp splits it, for ranking
//   Trainer              on the CPU, in float: made once a round of a client; forward; backward (dZ
//                        from the old weights, then one SGD step of theta and user); end (writes
//                        back what was kept in another layout)
#include <algorithm>
#include <span>

#include "core/scratch_buffers.hpp"
#include "core/small_gemm.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

using namespace small;

struct Linear {
  static constexpr HeadKind kind = HeadKind::linear;

  static HeadLayout layout(int d) {
    Places at;
    HeadLayout h{.kind = kind, .d = d, .item_width = d};
    h.linear_part = true;
    h.last_width = d;
    h.last_w = at.take(d);
    h.last_b = at.take(1);
    h.theta = at.end();
    return h;
  }
  static double multiply_adds(double d) { return d; }
  static void init(const HeadLayout& h, const auto& weight, std::span<float>) {
    weight(h.last_w, 1, h.d);
  }
  static double reference(const HeadLayout& h, const double* theta, const double*, const Vector& z,
                          double ds, Gradient* g) {
    if (g != nullptr) g->z = last_layer_back(h, theta, z, ds, g->theta);
    return last_layer(h, theta, z);
  }

  static float bias(const HeadLayout& h, const float* theta) { return theta[h.last_b]; }
  static void linear_weights(const HeadLayout& h, const float* theta, const float*, float* g) {
    std::copy_n(theta + h.last_w, h.d, g);
  }

  class Trainer {
   public:
    Trainer(const HeadLayout& h, float* theta, float* /*user*/, ScratchBuffers& ws, int /*batch*/)
        : d_(h.d), w_(theta + h.last_w), b_(theta + h.last_b), dw_(ws.take(0, std::size_t(d_))) {}

    void forward(const float* Z, int n, float* s) const {
      for (int i = 0; i < n; ++i) s[i] = dot(w_, Z + long(i) * d_, d_) + *b_;
    }
    void backward(const float* Z, const float* delta, int n, float* dZ, const SgdRates& r) {
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
                       const SgdRates& r) {
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
    void apply(float db, const SgdRates& r) {
      const float keep = 1.0f - r.lr * r.decay;
      step(keep, -r.lr, dw_, w_, d_);
      *b_ = keep * *b_ - r.lr * db;
    }
    int d_;
    float *w_, *b_, *dw_;
  };
};

}  // namespace fedfuse::heads
