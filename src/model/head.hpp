#pragma once
// Heads (models.md section 2): where each parameter stands in the flat vectors. theta may be shared
// by the server, the user vector never leaves the client. Weights are [out x in], row-major, as in
// the oracle.
//   linear  theta = w[d] b                                                    user = -
//   mlp     theta = W_u[d x d] W_z[d x d] b1[d] w[d] b                        user = u[d]
//   neumf   theta = W1[d x 2d] b1[d] W2[d/2 x d] b2 W3[d/4 x d/2] b3 w[d/4+d] b   user = u1[d]
//           u2[d]
#include "model/backbones.hpp"

namespace fedfuse {

struct HeadLayout {
  HeadKind kind = HeadKind::linear;
  int d = 0;
  int theta = 0;               // floats
  int user = 0;                // floats
  int item_width = 0;          // width of z: d, or 2d for neumf
  int last_w = 0, last_b = 0;  // the last layer's weights and bias, offsets in theta
  int last_width = 0;

  // offsets in theta (mlp: W_u, W_z, b1; neumf: W1 b1 W2 b2 W3 b3)
  int W_u = 0, W_z = 0, b1 = 0, W1 = 0, W2 = 0, b2 = 0, W3 = 0, b3 = 0;
};

[[nodiscard]] HeadLayout head_layout(HeadKind kind, int d);

// Router (section 4): Phi1[d x J*d] phi1[d] Phi2[J x d] phi2[J]
struct RouterLayout {
  int d = 0, views = 0, size = 0;
  int Phi1 = 0, phi1 = 0, Phi2 = 0, phi2 = 0;
};
[[nodiscard]] RouterLayout router_layout(int views, int d);

}  // namespace fedfuse
