#include "core/config/prior.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const PriorOptions& o) {
  within("prior-groups", o.groups, 1, 1024);
  within("prior-hidden", o.hidden, 1, 4096);
  within("prior-projection", o.projection, 1, 4096);
  within("prior-steps", o.steps, 1, 1000000);
  finite_at_least("prior-lr", o.lr, 0);
  finite_at_least("prior-decay", o.decay, 0);
  finite_at_least("prior-least-mass", o.least_mass, 0);
}

}  // namespace fedfuse
