#pragma once
// What ItemViews on the processor and on a device share: how gradients are scaled and refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "core/text.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {

// The way back is linear in dL/dF, the same on all ranks: 2^-exponent brings its largest near 1.
[[nodiscard]] inline int exponent_of(float largest) {
  return largest > 0 ? std::clamp(std::ilogb(largest), -100, 100) : 0;
}
[[nodiscard]] inline ServerDiverged views_diverged(const std::string& what) {
  return {"the server's item views", cat(what, " is not finite"), "lower --server-lr or --lr"};
}
[[nodiscard]] inline ServerDiverged gradient_not_finite() {
  return views_diverged("the gradient of the item views");
}

}  // namespace fedfuse
