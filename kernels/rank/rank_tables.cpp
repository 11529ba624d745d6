#include "kernels/rank/rank_tables.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace fedfuse::rank {

namespace {

// Columns 0 .. cols of the tile's rows, transposed; row i of all stands at rows + i * stride.
void pack_rows(const float* rows, std::int64_t stride, int cols, std::int64_t items,
               std::int64_t tile, float* to) {
  const std::int64_t first = tile * tile_items,
                     count = std::min<std::int64_t>(tile_items, items - first);
  const int whole = int(count) / lanes * lanes;  // groups of 8 rows
  transpose(rows + first * stride, stride, whole, cols, to, tile_items);
  for (std::int64_t l = whole; l < count; ++l)
    for (int k = 0; k < cols; ++k) to[k * tile_items + l] = rows[(first + l) * stride + k];
  for (std::int64_t l = count; l < tile_items; ++l)
    for (int k = 0; k < cols; ++k) to[k * tile_items + l] = 0.0f;
}

}  // namespace

Tables::Tables(const Model& model) {
  const auto& head = model.head;
  FEDFUSE_CHECK(model.views >= 1 && model.views <= max_views, "too many views");
  FEDFUSE_CHECK(model.width == head.d || model.width == head.item_width,
                "rows of another width than the head's");
  tiles_ = (model.items + tile_items - 1) / tile_items;
  planes_ = model.views + (model.base != nullptr ? 1 : 0);
  stride_ = std::int64_t(planes_) * head.d * tile_items;
  has_linear_ = head.linear_part;
  has_hidden_ = head.hidden_part;
  linear_offset_ = model.width - head.d;  // rows 2d wide: the second half
  const bool hidden_is_input = has_hidden_ && model.theta == nullptr;
  linear_is_hidden_ = has_linear_ && hidden_is_input && linear_offset_ == 0;
  if (has_linear_ && !linear_is_hidden_) linear_.resize(std::size_t(tiles_ * stride_));
  if (has_hidden_) hidden_.resize(std::size_t(tiles_ * stride_));
  FEDFUSE_CHECK((model.prior != nullptr) == (model.prior_groups > 0), "a prior has groups");
  prior_groups_ = model.prior_groups;
  prior_.resize(std::size_t(tiles_ * prior_groups_ * tile_items));
#pragma omp parallel
  {
    Array<float> inputs(has_hidden_ && !hidden_is_input ? std::size_t(stride_) : 0);
#pragma omp for schedule(static)
    for (std::int64_t t = 0; t < tiles_; ++t) {
      if (prior_groups_ > 0)
        pack_rows(model.prior, prior_groups_, prior_groups_, model.items, t,
                  prior_.data() + t * prior_groups_ * tile_items);
      if (!linear_.empty()) pack(model, t, linear_offset_, linear_.data() + t * stride_);
      if (hidden_is_input) pack(model, t, 0, hidden_.data() + t * stride_);
      if (inputs.empty()) continue;
      pack(model, t, 0, inputs.data());
      for (int p = 0; p < planes_; ++p) {
        const std::int64_t plane = std::int64_t(p) * head.d * tile_items;
        dense<tile_items / lanes, false>(item_half(head, model.theta), inputs.data() + plane,
                                         hidden_.data() + t * stride_ + plane);
      }
    }
  }
}

// d columns of every plane from `offset`, transposed.
void Tables::pack(const Model& model, std::int64_t tile, int offset, float* to) const {
  const int d = model.head.d;
  for (int p = 0; p < planes_; ++p) {
    const float* rows = p < model.views ? model.view[p] : model.base;
    pack_rows(rows + offset, model.width, d, model.items, tile,
              to + std::int64_t(p) * d * tile_items);
  }
}

}  // namespace fedfuse::rank
