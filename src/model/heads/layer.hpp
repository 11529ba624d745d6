#pragma once
// The layers that the heads and the router train on a CPU, over a batch of n samples. All of them
// work on tiles (core/tiles.hpp): forward, the bias and the ReLU are made of the tile, and so are
// the scores above it; backward, the mask and the sums over the batch; at the end, the step of the
// weights.
#include <algorithm>

#include "core/panels.hpp"
#include "core/scratch_buffers.hpp"
#include "core/tiles.hpp"
#include "model/heads/parts.hpp"

namespace fedfuse::heads {

using panels::Panels;
using panels::Widest;

// The items' rows of a batch, z = [z1; z2] under a head of 2d. folded: z1 and z2 are the same row,
// and it takes both gradients.
struct BatchRows {
  Panels z1, z2;
  int n = 0;
  bool folded = false;
};
// A head gives dL/dz as to(tile, half): half 0 is z1, 1 is z2; each tile once.

// The weights of h = ReLU(W x + b), out x in. They are kept twice: forward reads W^T by rows, the
// gradient of the inputs W.
struct Weights {
  int out = 0, in = 0;
  Panels W, Wt;

  static std::size_t floats(int out, int in) {
    return Panels::floats(panels::padded(out), in) + Panels::floats(panels::padded(in), out);
  }
  Weights() = default;
  Weights(int n_out, int n_in, float* scratch) : out(n_out), in(n_in) {
    W = {scratch, panels::padded(out)};
    Wt = {scratch + Panels::floats(W.rows, in), panels::padded(in)};
  }
  void load(const float* from, long stride) {
    std::fill_n(W.data, Panels::floats(W.rows, in), 0.0f);
    for (int o = 0; o < out; ++o) panels::put_row(from + o * stride, in, W, o);
    refresh();
  }
  void save(float* to, long stride) const {
    for (int o = 0; o < out; ++o) panels::get_row(W, o, to + o * stride, in);
  }
  // W <- keep W - rate dH^T X
  void step(const Panels& dH, const Panels& X, int n, float keep, float rate) {
    panels::for_tiles(out, in, [&](auto& tile) {
      tile.multiply_transposed(dH, X, n);
      tile.each_in(W, [&](int, int, Widest gradient, float* w) {
        panels::store(w, simd::stepped(keep, panels::load(w), -rate, gradient));
      });
    });
    refresh();
  }

 private:
  void refresh() { panels::transpose(panels::padded(out), panels::padded(in), W, Wt); }
};

// The outputs of a hidden layer and the gradient of its sums, of a batch.
struct Hidden {
  int out = 0;
  Panels H, dH;
  float* db = nullptr;  // sums of dH over the batch

  static std::size_t floats(int out, int batch) {
    return 2 * Panels::floats(batch, out) + std::size_t(panels::padded(out));
  }
  Hidden() = default;
  Hidden(int n_out, int batch, float* scratch) : out(n_out) {
    H = {scratch, batch};
    dH = {H.data + Panels::floats(batch, out), batch};
    db = dH.data + Panels::floats(batch, out);
  }
  void clear_sums() const { std::fill_n(db, panels::padded(out), 0.0f); }

  // The tile, sums of W x, becomes ReLU(W x + bias) and is kept.
  template <class T>
  void activate(T& tile, const float* bias) const {
    const float* b = bias + tile.column;
    tile.each_in(H, [&](int, int v, Widest& x, float* h) {
      x = panels::relu(x + panels::load(b + v * panels::lanes));
      panels::store(h, x);
    });
  }
  // The tile is dL/dh.
  template <class T>
  void back(T& tile) const {
    const float* h = H.at(tile.row, tile.column);
    Widest sums[T::vectors];
#pragma GCC unroll 4
    for (int v = 0; v < T::vectors; ++v) sums[v] = Widest{};
    tile.each_in(dH, [&](int r, int v, Widest& g, float* dh) {
      g = panels::where_positive(panels::load(h + r * panels::width + v * panels::lanes), g);
      sums[v] += g;
      panels::store(dh, g);
    });
    float* to = db + tile.column;
#pragma GCC unroll 4
    for (int v = 0; v < T::vectors; ++v)
      panels::store(to + v * panels::lanes, panels::load(to + v * panels::lanes) + sums[v]);
  }
};

// Outputs s_j = w_j . h (+ b_j): the score of a head, or the router's logits. J of them.
template <int J>
struct Readout {
  int in = 0;
  float *w = nullptr, *dw = nullptr;  // J x padded(in)

  static std::size_t floats(int in) { return 2 * J * std::size_t(panels::padded(in)); }
  Readout() = default;
  Readout(int n_in, float* scratch) : in(n_in), w(scratch), dw(w + J * panels::padded(in)) {}
  void load(const float* from) {
    std::fill_n(w, J * panels::padded(in), 0.0f);
    for (int j = 0; j < J; ++j) std::copy_n(from + j * in, in, w + j * panels::padded(in));
  }
  void save(float* to) const {
    for (int j = 0; j < J; ++j) std::copy_n(w + j * panels::padded(in), in, to + j * in);
  }
  void clear_sums() { std::fill_n(dw, J * panels::padded(in), 0.0f); }
  void step(float keep, float rate) { panels::step(keep, -rate, dw, w, J * panels::padded(in)); }

  // s_j += the part of a tile of h; s: J x stride, with room for 8 more than a batch
  template <class T>
  void add_scores(T& tile, float* s, long stride) const {
    static_assert(T::rows <= simd::lanes);
#pragma GCC unroll 3
    for (int j = 0; j < J; ++j) {
      const float* weights = w + j * panels::padded(in) + tile.column;
      Widest sums[simd::lanes];
#pragma GCC unroll 8
      for (int r = 0; r < simd::lanes; ++r) sums[r] = Widest{};
      tile.each([&](int r, int v, Widest& h) {
        sums[r] += h * panels::load(weights + v * panels::lanes);
      });
      float* to = s + j * stride + tile.row;
      simd::store(to, simd::load(to) + panels::sums_of_eight(sums));
    }
  }
  // From ds_j (J x stride): the gradient of the sums under h for rows [row, row + rows), and dw.
  void back(const Hidden& h, int row, int rows, const float* ds, long stride) {
    for (int o = 0; o < in; o += panels::lanes) {
      Widest weights[J], d_weights[J], bias = panels::load(h.db + o);
      for (int j = 0; j < J; ++j) {
        weights[j] = panels::load(w + j * panels::padded(in) + o);
        d_weights[j] = panels::load(dw + j * panels::padded(in) + o);
      }
      for (int i = row; i < row + rows; ++i) {
        const Widest x = panels::load(h.H.at(i, o));
        Widest g = ds[i] * weights[0];
        d_weights[0] += ds[i] * x;
        for (int j = 1; j < J; ++j) {
          const float e = ds[j * stride + i];
          g += e * weights[j];
          d_weights[j] += e * x;
        }
        g = panels::where_positive(x, g);
        bias += g;
        panels::store(h.dH.at(i, o), g);
      }
      for (int j = 0; j < J; ++j) panels::store(dw + j * panels::padded(in) + o, d_weights[j]);
      panels::store(h.db + o, bias);
    }
  }
};

// R2: the user half of a first layer, W_u u, is one vector a batch, and its gradient an outer
// product. W_u stands in theta, rows `stride` apart.
struct UserHalf {
  int d = 0;
  float *W_u = nullptr, *u = nullptr;
  long stride = 0;

  // to = bias + W_u u; to: padded
  void add_to(const float* bias, float* to) const {
    std::copy_n(bias, d, to);
    panels::for_columns(d, [&](const auto& columns) {
      const auto x = columns.load(u);
      panels::add_sums(d, to, [&](int o) { return columns.dot(x, W_u + o * stride); });
    });
  }
  // dW_u = sum u^T, du = W_u^T sum, both from the old values; sum: d
  void step(const float* sum, float keep, float rate) {
    panels::for_columns(d, [&](const auto& columns) {
      const auto old = columns.load(u);
      auto du = columns.zero();
      for (int o = 0; o < d; ++o)
        columns.add(sum[o], columns.step(keep, -rate * sum[o], old, W_u + o * stride), du);
      columns.step(keep, -rate, du, u);
    });
  }
};

}  // namespace fedfuse::heads
