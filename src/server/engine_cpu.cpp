// The engine of the CPU: a thread a client, uploads stored or made again.
#include <algorithm>
#include <atomic>

#include "core/parallel.hpp"
#include "server/engine.hpp"

namespace fedfuse {
namespace {

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Config& config, const ModelSpec& spec, const Dataset& data, int threads)
      : Engine(threads), spec_(spec), data_(data), participants_(config, spec, data, threads) {}

  std::int64_t train(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                     Trained& trained, RoundSums& sums) override {
    constexpr std::int64_t nobody = std::int64_t(1) << 62;
    std::atomic<std::int64_t> failed{nobody};
    const bool second_pass = spec_.has_teacher || spec_.has_overlay();
    participants_.train(local, inputs, second_pass,
                        [&](std::int64_t position, std::int64_t u, const LocalUpdate& update) {
                          if (!sums.add(update, weight_of(spec_, data_, u))) {
                            const std::int64_t id = data_.client_ids[std::size_t(u)];
                            for (auto least = failed.load();
                                 id < least && !failed.compare_exchange_weak(least, id);) {
                            }
                          }
                          if (trained.theta.rows > 0)
                            std::ranges::copy(update.theta, trained.theta.row(position));
                          std::ranges::copy(update.user, trained.user.row(position));
                          std::ranges::copy(update.router, trained.router.row(position));
                          std::ranges::copy(update.outcome.omega,
                                            trained.omega[std::size_t(position)].begin());
                        });
    return failed == nobody ? -1 : failed.load();
  }

  std::int64_t revisit(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                       std::span<const std::int32_t> group, const Trained& trained,
                       GroupSums* groups, const KeepRows& keep_rows) override {
    std::vector<std::int32_t> position(data_.client_ids.size(), -1);
    for (std::size_t p = 0; p < local.size(); ++p)
      position[std::size_t(local[p])] = std::int32_t(p);
    std::atomic<std::int64_t> refused{0};
    const auto add_to_group = [&](std::int64_t u, const Upload& upload) {
      if (groups == nullptr) return;
      const auto p = position[std::size_t(u)];
      const auto l = group[std::size_t(p)];
      const std::span<const float> theta(trained.theta.row(p), std::size_t(spec_.head.theta));
      if (l >= 0 && !groups->add(l, upload, theta, trained.omega[std::size_t(p)].data())) ++refused;
    };
    participants_.revisit(local, inputs, add_to_group, keep_rows);
    return refused.load();
  }

  [[nodiscard]] bool stores_uploads() const override { return participants_.stores(); }
  [[nodiscard]] std::int64_t stored_bytes() const override { return participants_.stored_bytes(); }
  [[nodiscard]] EngineFacts facts() const override { return {}; }

 private:
  const ModelSpec& spec_;
  const Dataset& data_;
  Participants participants_;
};

}  // namespace

Trained Engine::room_for(const ModelSpec& spec, std::int64_t n) const {
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

std::unique_ptr<Engine> make_cpu_engine(const Config& config, const ModelSpec& spec,
                                        const Dataset& data, int threads) {
  return std::make_unique<CpuEngine>(config, spec, data, threads);
}

}  // namespace fedfuse
