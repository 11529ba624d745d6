#pragma once
// MLP tower [u1; z1] -> d -> d/2 -> d/4 with ReLU, GMF part u2 o z2, s = w.[tower; GMF] + b;
// z = [z1; z2] is 2d wide. theta = W1[d x 2d] b1[d] W2[d/2 x d] b2 W3[d/4 x d/2] b3 w[d/4+d] b;
// user = u1[d] u2[d]. R2: the user half of the first layer is one vector a batch.
#include <algorithm>
#include <span>

#include "core/scratch_buffers.hpp"
#include "core/tile_math.hpp"
#include "model/heads/layer.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

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
        : h_(h),
          theta_(theta),
          u2_(user + h.d),
          user_{.d = h.d, .W_u = theta + h.W1, .u = user, .stride = 2L * h.d} {
      const int d = h.d, in[layers] = {d, d, d / 2};
      for (int l = 0; l < layers; ++l) {
        const int out = d >> l;
        weights_[l] = {out, in[l], ws.take(3 * l, Weights::floats(out, in[l]))};
        hidden_[l] = {out, batch, ws.take(3 * l + 1, Hidden::floats(out, batch))};
        bias_[l] = ws.take(3 * l + 2, std::size_t(panels::padded(out)));
        std::fill_n(bias_[l], panels::padded(out), 0.0f);
      }
      weights_[0].load(theta + h.W1 + d, 2L * d);
      weights_[1].load(theta + h.W2, d);
      weights_[2].load(theta + h.W3, d / 2);
      std::copy_n(theta + h.b2, d / 2, bias_[1]);
      std::copy_n(theta + h.b3, d / 4, bias_[2]);
      last_ = {d / 4, ws.take(9, Readout<1>::floats(d / 4))};
      last_.load(theta + h.last_w);
      wg_ = theta + h.last_w + d / 4;
      const int wide = panels::padded(d);
      product_ = ws.take(10, std::size_t(2 * wide));
      sum_z2_ = product_ + wide;
      std::fill_n(product_, 2 * wide, 0.0f);
    }

    void forward(const BatchRows& rows, float* s) {
      user_.add_to(theta_ + h_.b1, bias_[0]);
      for (int k = 0; k < h_.d; ++k) product_[k] = wg_[k] * u2_[k];
      for (int l = 0; l + 1 < layers; ++l)
        panels::for_tiles(rows.n, weights_[l].out, [&](auto& tile) {
          tile.multiply(l == 0 ? rows.z1 : hidden_[l - 1].H, weights_[l].in, weights_[l].Wt);
          hidden_[l].activate(tile, bias_[l]);
        });
      std::fill_n(s, rows.n + panels::lanes, theta_[h_.last_b]);
      panels::add_sums(rows.n, s, [&](int i) { return gmf(rows, i); });
      panels::for_tiles(rows.n, weights_[2].out, [&](auto& tile) {
        tile.multiply(hidden_[1].H, weights_[2].in, weights_[2].Wt);
        hidden_[2].activate(tile, bias_[2]);
        last_.add_scores(tile, s, 0);
      });
    }

    template <class To>
    void backward(const BatchRows& rows, const float* delta, const SgdRates& r, const To& to) {
      for (auto& hidden : hidden_) hidden.clear_sums();
      last_.clear_sums();
      std::fill_n(sum_z2_, panels::padded(h_.d), 0.0f);
      panels::for_tiles(rows.n, weights_[2].in, [&](auto& tile) {
        if (tile.column == 0) last_.back(hidden_[2], tile.row, tile.rows, delta, 0);
        tile.multiply(hidden_[2].dH, weights_[2].out, weights_[2].W);
        hidden_[1].back(tile);
      });
      panels::for_tiles(rows.n, weights_[1].in, [&](auto& tile) {
        tile.multiply(hidden_[1].dH, weights_[1].out, weights_[1].W);
        hidden_[0].back(tile);
      });
      panels::for_tiles(rows.n, h_.d, [&](auto& tile) {
        add_gmf(tile, rows, delta, to);
        tile.multiply(hidden_[0].dH, h_.d, weights_[0].W);
        to(tile, 0);
      });
      apply(rows, panels::total(delta, rows.n), r);
    }

    void end() {
      const int d = h_.d;
      weights_[0].save(theta_ + h_.W1 + d, 2L * d);
      weights_[1].save(theta_ + h_.W2, d);
      weights_[2].save(theta_ + h_.W3, d / 2);
      std::copy_n(bias_[1], d / 2, theta_ + h_.b2);
      std::copy_n(bias_[2], d / 4, theta_ + h_.b3);
      last_.save(theta_ + h_.last_w);
    }

   private:
    static constexpr int layers = 3;

    // The terms of w . (u2 o z2).
    [[nodiscard]] Widest gmf(const BatchRows& rows, int i) const {
      Widest sum{};
      for (int k = 0; k < h_.d; k += panels::lanes)
        sum += panels::load(product_ + k) * panels::load(rows.z2.at(i, k));
      return sum;
    }
    // dL/dz2 = delta w o u2, into the tile where z2 is z1; and sum_i delta_i z2_i.
    template <class T, class To>
    void add_gmf(T& tile, const BatchRows& rows, const float* delta, const To& to) const {
      T other(tile.row, tile.column);
      const float *product = product_ + tile.column, *e = delta + tile.row;
      other.each(
          [&](int r, int v, Widest& g) { g = e[r] * panels::load(product + v * panels::lanes); });
      if (rows.folded) {
        tile = other;
      } else {
        to(other, 1);
      }
      const float* z2 = rows.z2.at(tile.row, tile.column);
#pragma GCC unroll 4
      for (int v = 0; v < T::vectors; ++v) {
        float* to_sum = sum_z2_ + tile.column + v * panels::lanes;
        Widest sum = panels::load(to_sum);
#pragma GCC unroll 8
        for (int r = 0; r < T::rows; ++r)
          sum += e[r] * panels::load(z2 + r * panels::width + v * panels::lanes);
        panels::store(to_sum, sum);
      }
    }
    void apply(const BatchRows& rows, float db, const SgdRates& r) {
      const int d = h_.d;
      const float keep = 1.0f - r.lr * r.decay;
      weights_[0].step(hidden_[0].dH, rows.z1, rows.n, keep, r.lr);
      weights_[1].step(hidden_[1].dH, hidden_[0].H, rows.n, keep, r.lr);
      weights_[2].step(hidden_[2].dH, hidden_[1].H, rows.n, keep, r.lr);
      user_.step(hidden_[0].db, keep, r.lr);
      panels::step(keep, -r.lr, hidden_[0].db, theta_ + h_.b1, d);
      for (int l = 1; l < layers; ++l)
        panels::step(keep, -r.lr, hidden_[l].db, bias_[l], weights_[l].out);
      last_.step(keep, r.lr);
      for (int k = 0; k < d; k += panels::lanes) {  // both from the old values
        const auto of = [&](const float* x) { return panels::load_first(x + k, d - k); };
        const Widest w = of(wg_), u2 = of(u2_), sum = of(sum_z2_);
        panels::store_first(wg_ + k, simd::stepped(keep, w, -r.lr, u2 * sum), d - k);
        panels::store_first(u2_ + k, simd::stepped(keep, u2, -r.lr, w * sum), d - k);
      }
      float& b = theta_[h_.last_b];
      b = simd::stepped(keep, b, -r.lr, db);
    }
    const HeadLayout& h_;
    float *theta_, *u2_;
    UserHalf user_;
    Weights weights_[layers];
    Hidden hidden_[layers];
    float* bias_[layers];  // the first: b1 + W_u u1
    Readout<1> last_;
    float *wg_, *product_, *sum_z2_;  // the GMF part's weights w, w o u2, sum_i delta_i z2_i
  };
};

}  // namespace fedfuse::heads
