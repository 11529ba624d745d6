#include "core/config/restart.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const RestartOptions& o) {
  within("checkpoint-every", o.checkpoint_every, 0, most_counted);
}

}  // namespace fedfuse
