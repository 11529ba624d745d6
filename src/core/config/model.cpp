#include "core/config/model.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const ModelOptions& o) {
  require(o.dim >= 4 && o.dim <= 512 && o.dim % 4 == 0, "dim", o.dim,
          "the latent width must be a multiple of 4 from 4 to 512", "try --dim 64");
  finite_at_least("init-std", o.init_std, 0);
  finite_at_least("personal-init-std", o.personal_init_std, 0);
  finite_at_least("rap-alpha", o.rap_alpha, 0);
  finite_at_least("rap-beta", o.rap_beta, 0);
}

}  // namespace fedfuse
