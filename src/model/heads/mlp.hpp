#pragma once
// s = w.ReLU(W_u u + W_z z + b1) + b. theta = W_u[d x d] W_z[d x d] b1[d] w[d] b; user = u[d].
// R2: the user half is one vector a batch, its gradient one outer product.
#include <algorithm>
#include <cmath>
#include <span>

#include "core/scratch_buffers.hpp"
#include "core/tile_math.hpp"
#include "model/heads/layer.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

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
        : h_(h),
          theta_(theta),
          user_{.d = h.d, .W_u = theta + h.W_u, .u = user, .stride = h.d},
          weights_(h.d, h.d, ws.take(0, Weights::floats(h.d, h.d))),
          hidden_(h.d, batch, ws.take(1, Hidden::floats(h.d, batch))),
          last_(h.d, ws.take(2, Readout<1>::floats(h.d))),
          base_(ws.take(3, std::size_t(panels::padded(h.d)))) {
      weights_.load(theta + h.W_z, h.d);
      last_.load(theta + h.last_w);
      std::fill_n(base_, panels::padded(h.d), 0.0f);
    }

    void forward(const BatchRows& rows, float* s) {
      user_.add_to(theta_ + h_.b1, base_);
      std::fill_n(s, rows.n + panels::lanes, theta_[h_.last_b]);
      panels::for_tiles(rows.n, h_.d, [&](auto& tile) {
        tile.multiply(rows.z1, h_.d, weights_.Wt);
        hidden_.activate(tile, base_);
        last_.add_scores(tile, s, 0);
      });
    }
    template <class To>
    void backward(const BatchRows& rows, const float* delta, const SgdRates& r, const To& to) {
      hidden_.clear_sums();
      last_.clear_sums();
      panels::for_tiles(rows.n, h_.d, [&](auto& tile) {
        if (tile.column == 0) last_.back(hidden_, tile.row, tile.rows, delta, 0);
        tile.multiply(hidden_.dH, h_.d, weights_.W);
        to(tile, 0);
      });
      const float keep = 1.0f - r.lr * r.decay;
      weights_.step(hidden_.dH, rows.z1, rows.n, keep, r.lr);
      user_.step(hidden_.db, keep, r.lr);
      last_.step(keep, r.lr);
      panels::step(keep, -r.lr, hidden_.db, theta_ + h_.b1, h_.d);
      float& b = theta_[h_.last_b];
      b = simd::stepped(keep, b, -r.lr, panels::total(delta, rows.n));
    }
    void end() {
      weights_.save(theta_ + h_.W_z, h_.d);
      last_.save(theta_ + h_.last_w);
    }

   private:
    const HeadLayout& h_;
    float* theta_;
    UserHalf user_;
    Weights weights_;
    Hidden hidden_;
    Readout<1> last_;
    float* base_;  // b1 + W_u u
  };
};

}  // namespace fedfuse::heads
