#include "server/engine.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace fedfuse {

namespace {

void make_room(std::int64_t rows, std::int64_t cols, Matrix<float>& m) {
  const auto size = std::size_t(rows * cols);
  if (m.values.capacity() < size) m.values = {};  // nothing to copy
  m.values.resize(size);
  m.rows = rows;
  m.cols = cols;
}

void keep(const std::vector<std::int32_t>& local, int threads, Matrix<float>& from,
          Matrix<float>& to) {
  if (to.empty()) return;
  if (from.rows == to.rows) return std::swap(from, to);  // `local` ascends: all clients
  for_each_in_blocks(std::int64_t(local.size()), threads, [&](std::int64_t p) {
    std::copy_n(from.row(p), from.cols, to.row(local[std::size_t(p)]));
  });
}

}  // namespace

Misfit Engine::train_in_groups(const std::vector<std::int32_t>&, const RoundInputs&,
                               std::span<const std::int32_t>, Trained&, RoundSums&, GroupSums&) {
  throw InternalError("this engine sums groups in a pass of their own");
}

void Engine::make_room(const ModelSpec& spec, std::int64_t n, Trained& trained) const {
  const auto for_state = holds_state() ? 0 : n;
  const auto heads = spec.has_teacher ? n : spec.shares_head ? 0 : for_state;
  fedfuse::make_room(heads, spec.head.theta, trained.theta);
  fedfuse::make_room(for_state, spec.head.user, trained.user);
  fedfuse::make_room(for_state, spec.router.size, trained.router);
  trained.omega.resize(std::size_t(n));
}

void Engine::commit(const std::vector<std::int32_t>& local, Trained& trained, ClientState& state) {
  keep(local, threads(), trained.theta, state.theta);
  keep(local, threads(), trained.user, state.user);
  keep(local, threads(), trained.router, state.router);
}

}  // namespace fedfuse
