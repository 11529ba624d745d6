#include "clients/state.hpp"

#include <algorithm>

#include "model/init.hpp"

namespace fedfuse {

ClientState init_client_state(const ModelSpec& spec, const Config& config, const Dataset& data) {
  ClientState state;
  const auto n = data.local_clients();
  // Every private head starts from the same point as its neighbours': only training makes them
  // differ.
  if (!spec.shares_head) {
    state.theta = Matrix<float>(n, spec.head.theta);
    if (n > 0)
      init_head({state.theta.row(0), std::size_t(spec.head.theta)}, spec.head,
                config.federation.seed, 0);
    for (std::int64_t u = 1; u < n; ++u)
      std::copy_n(state.theta.row(0), spec.head.theta, state.theta.row(u));
  }
  state.user = Matrix<float>(n, spec.head.user);
  for (std::int64_t u = 0; u < n; ++u)
    init_user({state.user.row(u), std::size_t(spec.head.user)}, config.federation.seed,
              std::uint64_t(data.client_ids[std::size_t(u)]), config.model.init_std);
  state.router = Matrix<float>(n, spec.router.size);
  if (n > 0 && spec.has_router && config.fedvlr.router != RouterWeights::uniform)
    init_router({state.router.row(0), std::size_t(spec.router.size)}, spec.router,
                config.federation.seed, 0);
  for (std::int64_t u = 1; u < n; ++u)
    std::copy_n(state.router.row(0), spec.router.size, state.router.row(u));
  if (spec.has_overlay()) state.overlay = OverlayStore(n, spec.overlay_width());
  if (spec.has_base) {
    state.base = Matrix<float>(data.items, spec.overlay_width());
    init_normal(state.base, config.federation.seed, Purpose::personal_rows,
                config.model.personal_init_std);
    state.base_scale.assign(std::size_t(n), 1.0f);
  }
  state.group.assign(std::size_t(n), -1);
  state.shares = Matrix<float>(n, spec.prior_groups);
  return state;
}

}  // namespace fedfuse
