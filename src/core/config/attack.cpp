#include "core/config/attack.hpp"

#include <cmath>

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const AttackOptions& o) {
  require(std::isfinite(o.share) && o.share > 0 && o.share <= 1, "attack-share", o.share,
          "a share of the clients is in (0, 1]", "--attack none ends the attack");
  within("attack-item", o.item, -1, most_counted);
  finite_at_least("attack-boost", o.boost, 0);
  require(std::isfinite(o.trim) && o.trim >= 0 && o.trim < 0.5, "trim", o.trim,
          "the share cut at either end is in [0, 0.5)", "use --defence row-median for all but one");
}

}  // namespace fedfuse
