#pragma once
// Between a client's rows, which stand in slot order, and the panels that a batch is trained in:
// rows are gathered into panels, gradients are added to rows straight from the tiles of a product.
#include <cstdint>

#include "model/heads/layer.hpp"

namespace fedfuse::local_train {

using panels::Panels;
using panels::Widest;

struct Batch {
  const std::int32_t* slot;
  const float* label;
  int n;
};

// d columns of the slots' rows from `column` on; width: of a row
struct RowPart {
  const float* rows = nullptr;
  int width = 0, column = 0, d = 0;
  [[nodiscard]] const float* of(std::int32_t slot) const {
    return rows + long(slot) * width + column;
  }
};

// value(i, column, x) of each vector x of sample i's row goes to the panels.
template <class Value>
void gather(const RowPart& part, const Batch& b, const Panels& to, const Value& value) {
  for (int i = 0; i < b.n; ++i) {
    const float* row = part.of(b.slot[i]);
    for (int k = 0; k < part.d; k += panels::lanes)
      panels::store(to.at(i, k), value(i, k, panels::load_first(row + k, part.d - k)));
  }
}
inline void gather(const RowPart& part, const Batch& b, const Panels& to) {
  gather(part, b, to, [](int, int, Widest x) { return x; });
}

// rows[slot of i] += rate g: a step of the rows, or a sum of gradients. Samples of one slot add up
// in their order.
struct AddToRows {
  float* rows;
  const std::int32_t* slot;
  int width, d;
  float rate;
  [[nodiscard]] float* row(int i, int half) const {
    return rows + long(slot[i]) * width + half * d;
  }
  void operator()(int i, int half, int k, Widest g) const {
    float* to = row(i, half) + k;
    panels::store_first(to, panels::load_first(to, d - k) + rate * g, d - k);
  }
  template <class T>
  void operator()(T& tile, int half) const {
    const bool whole = d - tile.column >= T::vectors * panels::lanes;
    tile.each([&](int r, int v, Widest g) {
      float* to = row(tile.row + r, half) + tile.column + v * panels::lanes;
      if (whole) {
        panels::store(to, panels::load(to) + rate * g);
      } else {
        (*this)(tile.row + r, half, tile.column + v * panels::lanes, g);
      }
    });
  }
};

// The gradients themselves, for what is made of them next.
struct StoreTiles {
  const Panels* to;  // of each half
  template <class T>
  void operator()(T& tile, int half) const {
    tile.each_in(to[half], [](int, int, Widest g, float* p) { panels::store(p, g); });
  }
};

// view_grad_j[slot of i] += omega_j dL/dc_i + the router's part of dL/dx_j[i]
struct AddToViews {
  AddToRows first;  // of view 0
  long a_view;      // floats
  const float* omega;
  const Panels& dC;
  template <class T>
  void operator()(T& tile, int j) const {
    tile.each_in(dC,
                 [&](int, int, Widest& g, const float* dc) { g += omega[j] * panels::load(dc); });
    auto view = first;
    view.rows += j * a_view;
    view(tile, 0);
  }
};

}  // namespace fedfuse::local_train
