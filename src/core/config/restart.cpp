#include "core/config/restart.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const RestartOptions& o) { at_least("checkpoint-every", o.checkpoint_every, 0); }

}  // namespace fedfuse
