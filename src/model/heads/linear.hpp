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
#include "model/heads/layer.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

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

    void forward(const BatchRows& rows, float* s) const {
      std::fill_n(s, rows.n + panels::lanes, *b_);
      panels::add_sums(rows.n, s, [&](int i) {
        Widest sum{};
        for (int k = 0; k < d_; k += panels::lanes)
          sum += panels::load_first(w_ + k, d_ - k) * panels::load(rows.z1.at(i, k));
        return sum;
      });
    }
    template <class To>
    void backward(const BatchRows& rows, const float* delta, const SgdRates& r, const To& to) {
      for (int k = 0; k < d_; k += panels::lanes) {
        Widest dw{};
        for (int i = 0; i < rows.n; ++i) dw += delta[i] * panels::load(rows.z1.at(i, k));
        panels::store_first(dw_ + k, dw, d_ - k);
      }
      panels::for_tiles(rows.n, d_, [&](auto& tile) {
        tile.each([&](int row, int v, Widest& g) {
          const int k = tile.column + v * panels::lanes;
          g = delta[tile.row + row] * panels::load_first(w_ + k, d_ - k);
        });
        to(tile, 0);
      });
      apply(delta, rows.n, r);
    }

    // The same with rows in place: no copy of Z, no dZ.
    void score_rows(const float* rows, const std::int32_t* slot, int n, float* s) const {
      std::fill_n(s, n + panels::lanes, *b_);
      panels::for_columns(d_, [&](const auto& columns) {
        const auto w = columns.load(w_);
        panels::add_sums(n, s, [&](int i) { return columns.dot(w, rows + long(slot[i]) * d_); });
      });
    }
    // Rows that a batch has twice take both gradients, in sample order; dw is of the rows before.
    // repeats: there may be such rows; without them each row is read once.
    void backward_rows(float* rows, const std::int32_t* slot, const float* delta, int n,
                       bool repeats, const SgdRates& r) {
      panels::for_columns(d_, [&](const auto& columns) {
        const auto w = columns.load(w_);
        columns.store_sum_of(n, dw_, [&](int i, auto& sum) {
          float* row = rows + long(slot[i]) * d_;
          const auto z = columns.load(row);
          columns.add(delta[i], z, sum);
          if (!repeats) columns.store_step(z, -r.lr_items * delta[i], w, row);
        });
        for (int i = 0; i < n && repeats; ++i) {
          float* row = rows + long(slot[i]) * d_;
          columns.store_step(columns.load(row), -r.lr_items * delta[i], w, row);
        }
      });
      apply(delta, n, r);
    }
    void end() {}

   private:
    void apply(const float* delta, int n, const SgdRates& r) {
      const float keep = 1.0f - r.lr * r.decay;
      panels::step(keep, -r.lr, dw_, w_, d_);
      *b_ = simd::stepped(keep, *b_, -r.lr, panels::total(delta, n));
    }
    int d_;
    float *w_, *b_, *dw_;
  };
};

}  // namespace fedfuse::heads
