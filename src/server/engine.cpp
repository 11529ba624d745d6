#include "server/engine.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace fedfuse {

Trained Engine::allocate_trained(const ModelSpec& spec, std::int64_t n) const {
  const auto for_state = holds_state() ? 0 : n;
  Trained trained;
  trained.theta = Matrix<float>(spec.has_teacher   ? n
                                : spec.shares_head ? 0
                                                   : for_state,
                                spec.head.theta);
  trained.user = Matrix<float>(for_state, spec.head.user);
  trained.router = Matrix<float>(for_state, spec.router.size);
  trained.omega.resize(std::size_t(n));
  return trained;
}

void Engine::commit(const std::vector<std::int32_t>& local, const Trained& trained,
                    ClientState& state) {
  const auto keep = [](const Matrix<float>& from, std::int64_t p, Matrix<float>& to,
                       std::int64_t u) {
    if (!to.empty()) std::copy_n(from.row(p), to.cols, to.row(u));
  };
  for_each_in_blocks(std::int64_t(local.size()), threads(), [&](std::int64_t p) {
    const auto u = std::int64_t(local[std::size_t(p)]);
    keep(trained.theta, p, state.theta, u);
    keep(trained.user, p, state.user, u);
    keep(trained.router, p, state.router, u);
  });
}

}  // namespace fedfuse
