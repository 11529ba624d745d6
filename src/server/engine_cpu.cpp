// The engine of the CPU: a thread a client, uploads stored or made again.
#include <algorithm>

#include "core/parallel.hpp"
#include "server/engine.hpp"
#include "server/staleness.hpp"

namespace fedfuse {
namespace {

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Config& config, const ModelSpec& spec, const Dataset& data, int threads,
            const Kernels& kernels)
      : Engine(threads),
        spec_(spec),
        data_(data),
        participants_(config, spec, data, threads, kernels) {}

  Misfit train(const std::vector<std::int32_t>& local, const RoundInputs& inputs, Trained& trained,
               RoundSums& sums) override {
    return pass(local, inputs, spec_.has_second_pass() ? Keep::all : Keep::nothing, trained, sums,
                [](std::int64_t, std::int64_t, const LocalUpdate&, MisfitClients&) {});
  }

  [[nodiscard]] bool trains_in_groups() const override { return true; }
  Misfit train_in_groups(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                         std::span<const std::int32_t> group, Trained& trained, RoundSums& sums,
                         GroupSums& groups) override {
    const auto to_group = [&](std::int64_t position, std::int64_t u, const LocalUpdate& made,
                              MisfitClients& misfits) {
      const auto l = group[std::size_t(position)];
      if (l < 0) return;
      std::vector<float> room;
      add(groups, l, u, participants_.upload_of(made, room), made.theta, made.outcome.omega,
          misfits);
    };
    return pass(local, inputs, spec_.has_overlay() ? Keep::overlay : Keep::nothing, trained, sums,
                to_group);
  }

  Misfit add_to_groups(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                       std::span<const std::int32_t> group, const Trained& trained,
                       GroupSums& groups) override {
    std::vector<std::int32_t> position(data_.client_ids.size(), -1);
    for (std::size_t p = 0; p < local.size(); ++p)
      position[std::size_t(local[p])] = std::int32_t(p);
    MisfitClients misfits;
    participants_.revisit(local, inputs, [&](std::int64_t u, const Upload& upload) {
      const auto p = position[std::size_t(u)];
      const auto l = group[std::size_t(p)];
      const std::span<const float> theta(trained.theta.row(p), std::size_t(spec_.head.theta));
      if (l >= 0) add(groups, l, u, upload, theta, trained.omega[std::size_t(p)], misfits);
    });
    return misfits.found();
  }

  void keep_rows(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                 const KeepRows& keep) override {
    participants_.keep(local, inputs, keep);
  }

  [[nodiscard]] bool stores_uploads() const override { return participants_.stores(); }
  [[nodiscard]] std::int64_t stored_bytes() const override { return participants_.stored_bytes(); }
  [[nodiscard]] std::optional<Turns> turns() const override { return participants_.turns(); }
  [[nodiscard]] EngineFacts facts() const override { return {}; }

 private:
  using Keep = Participants::Keep;
  // Everybody trains; also(position, u, made, misfits) of each.
  template <class Also>
  Misfit pass(const std::vector<std::int32_t>& local, const RoundInputs& inputs, Keep keep,
              Trained& trained, RoundSums& sums, const Also& also) {
    MisfitClients misfits;
    participants_.train(local, inputs, keep,
                        [&](std::int64_t position, std::int64_t u, const LocalUpdate& made) {
                          take(position, u, made, inputs, trained, sums, misfits);
                          also(position, u, made, misfits);
                        });
    return misfits.found();
  }
  // What a client sends into the round's sums, and what stays on it.
  void take(std::int64_t position, std::int64_t u, const LocalUpdate& made,
            const RoundInputs& inputs, Trained& trained, RoundSums& sums,
            MisfitClients& misfits) const {
    const Weakened weakened(made, inputs.start(position), spec_, inputs.global);
    const auto& update = weakened.update();
    if (!sums.add(update, weight_of(spec_, data_, u)))
      misfits.offer(data_.client_ids[std::size_t(u)], sums.excess(update));
    if (trained.theta.rows > 0) std::ranges::copy(update.theta, trained.theta.row(position));
    std::ranges::copy(update.user, trained.user.row(position));
    std::ranges::copy(update.router, trained.router.row(position));
    std::ranges::copy(update.outcome.omega, trained.omega[std::size_t(position)].begin());
  }
  void add(GroupSums& groups, std::int32_t l, std::int64_t u, const Upload& upload,
           std::span<const float> theta, std::span<const float, 3> omega,
           MisfitClients& misfits) const {
    if (!groups.add(l, upload, theta, omega.data()))
      misfits.offer(data_.client_ids[std::size_t(u)], groups.excess(l, upload, theta, omega));
  }
  const ModelSpec& spec_;
  const Dataset& data_;
  Participants participants_;
};

}  // namespace

std::unique_ptr<Engine> make_cpu_engine(const Config& config, const ModelSpec& spec,
                                        const Dataset& data, int threads, const Kernels& kernels) {
  return std::make_unique<CpuEngine>(config, spec, data, threads, kernels);
}

}  // namespace fedfuse
