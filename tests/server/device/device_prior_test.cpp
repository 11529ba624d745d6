// The group prior in a round on a device, emulated and on CUDA where there is one: as on the
// processor, within the memory that is planned.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "server/device/device_engine.hpp"
#include "tests/server/device/device_setting.hpp"

namespace fedfuse {
namespace {

using test::everybody, test::small_device_config, test::tiny;

constexpr std::int64_t groups = 7;

Matrix<float> drawn(std::int64_t rows, std::uint64_t seed) {
  const Rng rng(seed, Purpose::test);
  Matrix<float> m(rows, groups);
  for (std::size_t k = 0; k < m.values.size(); ++k)
    m.values[k] = float(rng.normal(1, 0, std::uint32_t(k)));
  return m;
}

// A round of everybody with a prior, from the start.
class PriorRound {
 public:
  PriorRound(const std::string& backbone, const std::string& fusion, PriorUse use,
             const Dataset& data)
      : config_(config_of(backbone, fusion)),
        spec_(spec_of(config_, use)),
        data_(data),
        start_(config_, data, Comm::self(), 1),
        logits_(drawn(data.items, 1)),
        shares_(drawn(data.local_clients(), 2)),
        distillation_{.lambda = 0.7, .prior = {&logits_, &shares_, use}} {}

  struct Sums {
    RoundSums::Means means;
    Array<float> theta, rows;
    Trained trained;
  };
  Sums run(Engine& engine) const {
    engine.adopt(start_.state());
    const auto local = everybody(data_);
    const auto n = std::int64_t(local.size());
    Trained trained;
    engine.make_room(spec_, n, trained);
    std::int64_t weight = 0;
    for (const auto u : local) weight += weight_of(spec_, data_, u);
    RoundSums sums(spec_, data_.items, weight);
    const RoundInputs inputs{1, start_.global(), start_.state(), distillation_};
    EXPECT_FALSE(engine.train(local, inputs, trained, sums).any());
    engine.reduce(sums, Comm::self());
    Array<float> rows;
    if (spec_.rows_trained)
      rows = sums.aggregated_table(start_.global().views[0], 1.0).values;
    else
      for (const auto& view : sums.mean_view_gradients())
        rows.insert(rows.end(), view.values.begin(), view.values.end());
    return {sums.means(),
            spec_.shares_head ? sums.mean_theta(start_.global().theta) : Array<float>(), rows,
            std::move(trained)};
  }
  [[nodiscard]] std::unique_ptr<Engine> processor() const {
    return make_cpu_engine(config_, spec_, data_, 1, {});
  }
  [[nodiscard]] DeviceEngine on(const std::shared_ptr<gpu::Device>& device,
                                const ChunkLimits& limits = {}) const {
    return {
        config_, spec_,
        data_,   ChosenDevice{.device = device, .free_bytes = std::int64_t(device->free_bytes())},
        1,       limits};
  }

 private:
  static Config config_of(const std::string& backbone, const std::string& fusion) {
    auto config = small_device_config(backbone, fusion);
    config.federation.fraction = 1.0;
    config.execution.client_state = StateHome::host;
    return config;
  }
  static ModelSpec spec_of(const Config& config, PriorUse use) {
    auto spec = resolve(config);
    spec.prior_groups = groups;
    spec.prior_in_score = use == PriorUse::prior;
    return spec;
  }
  Config config_;
  ModelSpec spec_;
  const Dataset& data_;
  Federation start_;
  Matrix<float> logits_, shares_;
  Distillation distillation_;
};

void expect_near(std::span<const float> got, std::span<const float> want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t k = 0; k < got.size(); ++k)
    ASSERT_NEAR(got[k], want[k], 1e-3 * (1 + std::abs(double(want[k])))) << what << " " << k;
}

TEST(DevicePrior, AgreesWithTheProcessor) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto& backbone : backbones())
    for (const auto* fusion : {"none", "mlp", "fedvlr"})
      for (const auto use : {PriorUse::prior, PriorUse::soft_labels}) {
        const PriorRound round(std::string(backbone.name), fusion, use, data);
        const auto processor = round.processor();
        const auto want = round.run(*processor);
        EXPECT_EQ(want.means.loss_distillation > 0, use == PriorUse::soft_labels);
        for (const auto& device : test::fresh_devices()) {
          auto engine = round.on(device);
          const auto got = round.run(engine);
          const auto what = cat(device->info().name, ": ", backbone.name, "+", fusion, " ", use);
          EXPECT_NEAR(got.means.loss, want.means.loss, 1e-4 * (1 + want.means.loss)) << what;
          EXPECT_NEAR(got.means.loss_distillation, want.means.loss_distillation, 1e-4) << what;
          expect_near(got.theta, want.theta, what + ": shared head");
          expect_near(got.rows, want.rows, what + ": rows");
          expect_near(got.trained.user.span(), want.trained.user.span(), what + ": users");
          expect_near(got.trained.router.span(), want.trained.router.span(), what + ": routers");
          EXPECT_LE(device->high_water_bytes(), std::size_t(engine.plan().needed())) << what;
        }
      }
}

// However the clients are cut into chunks: the same bits, and each has its own shares. The memory
// is what was planned.
TEST(DevicePrior, SameBitsForAnyChunksAndOrderOfThreads) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto use : {PriorUse::prior, PriorUse::soft_labels})
    for (std::size_t k = 0; k < test::fresh_devices().size(); ++k) {
      const PriorRound round("fedncf", "none", use, data);
      auto whole = round.on(test::fresh_devices()[k]);
      const auto want = round.run(whole);
      const auto device = test::fresh_devices()[k];
      auto cut = round.on(device, {.samples = 60, .clients = 3});
      simt::set_schedule({simt::Order::shuffled, 9, 2});
      const auto got = round.run(cut);
      simt::set_schedule({});
      EXPECT_EQ(got.means.loss, want.means.loss);
      EXPECT_TRUE(got.theta == want.theta);
      EXPECT_TRUE(got.rows == want.rows);
      EXPECT_TRUE(got.trained.user == want.trained.user);
      const auto& plan = cut.plan();
      EXPECT_EQ(device->held_bytes(),
                std::size_t(plan.engine_bytes + plan.state_bytes +
                            chunks_in_flight * plan.chunk_bytes + plan.upload_bytes));
    }
}

}  // namespace
}  // namespace fedfuse
