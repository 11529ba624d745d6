#pragma once
// What all clients share, laid out for tiles of 64 items: [tile][plane][k][lane]. Planes are the
// views, and the base as one more where the model has one; a group prior is a table of its own. The
// last tile is padded with zero rows.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "core/tile_math.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse::rank {

using namespace tilemath;

// The first hidden layer's item half of a head: weights of theta over the first d elements of z.
[[nodiscard]] inline Layer item_half(const HeadLayout& head, const float* theta) {
  return {.weight = theta + head.first_item,
          .ldw = head.first_stride,
          .n_out = head.d,
          .n_in = head.d,
          .bias = nullptr};
}

class Tables {
 public:
  explicit Tables(const Model& model);
  [[nodiscard]] std::int64_t tiles() const { return tiles_; }
  [[nodiscard]] int planes() const { return planes_; }
  // as the head's layout
  [[nodiscard]] bool has_linear() const { return has_linear_; }
  [[nodiscard]] bool has_hidden() const { return has_hidden_; }
  [[nodiscard]] int linear_offset() const { return linear_offset_; }  // of the linear part in z
  [[nodiscard]] int prior_groups() const { return prior_groups_; }    // G; 0: no prior
  // planes x d x 64 numbers of a tile. hidden: H_j of a shared head, else the inputs of the first
  // layer.
  [[nodiscard]] const float* linear(std::int64_t tile) const {
    return (linear_is_hidden_ ? hidden_ : linear_).data() + tile * stride_;
  }
  [[nodiscard]] const float* hidden(std::int64_t tile) const {
    return hidden_.data() + tile * stride_;
  }
  // G x 64 logits of a tile
  [[nodiscard]] const float* prior(std::int64_t tile) const {
    return prior_.data() + tile * prior_groups_ * tile_items;
  }

 private:
  void pack(const Model& model, std::int64_t tile, int offset, float* to) const;
  std::int64_t tiles_ = 0, stride_ = 0;
  int planes_ = 0, linear_offset_ = 0, prior_groups_ = 0;
  bool has_linear_ = false, has_hidden_ = false, linear_is_hidden_ = false;
  Array<float> linear_, hidden_, prior_;
};

}  // namespace fedfuse::rank
