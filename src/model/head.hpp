#pragma once
// Layouts (models.md sections 2 and 4): where each parameter stands in the flat vectors. theta may
// be shared by the server, the user vector never leaves the client. Weights are [out x in],
// row-major. What a head computes stands in src/model/heads/, one header a head; heads.hpp is their
// table, and what is declared here asks that table.
#include <span>

#include "core/config/model.hpp"

namespace fedfuse {

// A score has the form
//   s = bias + g . z[its last d numbers]                            linear_part
//     + tower(ReLU(W_user user[first d] + W_item z[first d] + b1))  hidden_part
// with one part or both; the head gives g (from theta and user) and the tower.
struct HeadLayout {
  HeadKind kind = HeadKind::linear;
  int d = 0;
  int theta = 0;               // floats
  int user = 0;                // floats
  int item_width = 0;          // of z: d or 2d; rows of d floats under a head of 2d: z = [row; row]
  int last_w = 0, last_b = 0;  // the last layer's weights and bias, offsets in theta
  int last_width = 0;

  // The form of the score. hidden_part: the first layer is d x d over the user vector and over z,
  // rows of weights first_stride apart, at first_user and first_item in theta.
  bool linear_part = false, hidden_part = false;
  int first_user = 0, first_item = 0, first_stride = 0;
  // Offset in the user vector of d factors of g; -1: none.
  int linear_user = -1;

  // Offsets in theta. A head uses those it has (mlp: W_u, W_z, b1; neumf: W1 b1 W2 b2 W3 b3).
  int W_u = 0, W_z = 0, b1 = 0, W1 = 0, W2 = 0, b2 = 0, W3 = 0, b3 = 0;
};

[[nodiscard]] HeadLayout head_layout(HeadKind kind, int d);
[[nodiscard]] std::span<const HeadKind> all_heads();

// Multiply-adds of one sample in one forward pass, without what a batch shares (R2).
[[nodiscard]] double head_multiply_adds(const HeadLayout& head);
// Operations of one score above the first hidden layer, that layer's sum with the user half and its
// ReLU included; multiply and add count 1 each. 0 without a hidden part.
[[nodiscard]] double head_tower_flops(const HeadLayout& head);

// Router (section 4): Phi1[d x J*d] phi1[d] Phi2[J x d] phi2[J]
struct RouterLayout {
  int d = 0, views = 0, size = 0;
  int Phi1 = 0, phi1 = 0, Phi2 = 0, phi2 = 0;
};
[[nodiscard]] RouterLayout router_layout(int views, int d);

}  // namespace fedfuse
