#include "model/head.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

HeadLayout head_layout(HeadKind kind, int d) {
  HeadLayout h;
  h.kind = kind;
  h.d = d;
  h.item_width = kind == HeadKind::neumf ? 2 * d : d;
  int at = 0;
  const auto take = [&at](int size) { return std::exchange(at, at + size); };
  switch (kind) {
    case HeadKind::linear:
      break;
    case HeadKind::mlp:
      h.W_u = take(d * d);
      h.W_z = take(d * d);
      h.b1 = take(d);
      h.user = d;
      break;
    case HeadKind::neumf:
      h.W1 = take(2 * d * d);
      h.b1 = take(d);
      h.W2 = take(d / 2 * d);
      h.b2 = take(d / 2);
      h.W3 = take(d / 4 * (d / 2));
      h.b3 = take(d / 4);
      h.user = 2 * d;
      break;
  }
  h.last_width = kind == HeadKind::neumf ? d / 4 + d : d;
  h.last_w = take(h.last_width);
  h.last_b = take(1);
  h.theta = at;
  return h;
}

RouterLayout router_layout(int views, int d) {
  RouterLayout r{d, views, 0, 0, 0, 0, 0};
  r.phi1 = views * d * d;
  r.Phi2 = r.phi1 + d;
  r.phi2 = r.Phi2 + views * d;
  r.size = r.phi2 + views;
  return r;
}

}  // namespace fedfuse
