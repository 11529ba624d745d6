// server/device: the round on the emulated device, whose kernels are those of a GPU, against the
// round on the processor.
#include "server/device/device_engine.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/gpu/simt.hpp"
#include "core/text.hpp"
#include "evaluation/evaluate.hpp"
#include "server/federation.hpp"
#include "tests/server/device/device_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::device_kinds, test::everybody, test::expect_same_bits, test::small_device_config,
    test::tiny;

double farthest(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k)
    most = std::max(most, std::abs(double(a[k]) - double(b[k])) / (1.0 + std::abs(double(b[k]))));
  return most;
}

// Every backbone x fusion, two rounds: participants and touched rows are equal, numbers agree
// within rounding. By counts: those whose rows are summed.
void expect_near_the_processor(const Dataset& data, DeviceKind kind, ItemUpdate rule) {
  const auto self = Comm::self();
  for (const auto& backbone : backbones())
    for (const auto& fusion : fusions()) {
      const auto what = cat(kind, ": ", backbone.name, "+", fusion.name, " ", rule);
      auto config = small_device_config(std::string(backbone.name), std::string(fusion.name), rule);
      const auto spec = resolve(config);
      if (rule == ItemUpdate::counts && !spec.rows_trained && !spec.has_teacher) continue;
      config.device.kind = DeviceKind::cpu;
      Federation processor(config, data, self, 1);
      config.device.kind = kind;
      Federation device(config, data, self, 1);
      EXPECT_EQ(device.engine().facts().device, kind);
      for (int round = 1; round <= 2; ++round) {
        const auto a = processor.run_round(round), b = device.run_round(round);
        ASSERT_FALSE(b.failed_client) << what;
        EXPECT_EQ(a.participants, b.participants) << what;
        EXPECT_EQ(a.traffic.sparse_up, b.traffic.sparse_up) << what << ": touched rows";
        EXPECT_NEAR(a.loss, b.loss, 1e-4 * (1 + std::abs(a.loss))) << what;
        EXPECT_NEAR(a.loss_distillation, b.loss_distillation, 1e-4) << what;
      }
      const auto at = [&](const std::shared_ptr<gpu::Device>& where) {
        return evaluate(device.spec(), device.global(), device.state(), data,
                        evaluation_protocol(config.evaluation, config.federation.seed), self, where)
            .test.all.ndcg[2];
      };
      const auto before = device.engine().device()->held_bytes();
      EXPECT_NEAR(at(device.engine().device()), at(nullptr), 0.02) << what;
      EXPECT_EQ(device.engine().device()->held_bytes(), before)
          << what << ": an evaluation gives back what it took";
      const auto facts = device.engine().facts();
      EXPECT_LE(facts.high_water_bytes, facts.needed_bytes) << what;
      EXPECT_GT(double(facts.high_water_bytes), 0.5 * double(facts.needed_bytes)) << what;
      constexpr double near = 2e-3;
      for (std::size_t j = 0; j < processor.global().views.size(); ++j)
        EXPECT_LT(farthest(device.global().views[j].span(), processor.global().views[j].span()),
                  near)
            << what << ": view " << j;
      EXPECT_LT(farthest(device.global().theta, processor.global().theta), near)
          << what << ": shared head";
      EXPECT_LT(farthest(device.preferences().span(), processor.preferences().span()), near)
          << what << ": preferences";
      const auto &x = device.state(), &y = processor.state();
      EXPECT_LT(farthest(x.theta.span(), y.theta.span()), near) << what << ": heads";
      EXPECT_LT(farthest(x.user.span(), y.user.span()), near) << what << ": user vectors";
      EXPECT_LT(farthest(x.router.span(), y.router.span()), near) << what << ": routers";
      EXPECT_EQ(x.group, y.group) << what;
      for (std::int64_t u = 0; u < x.overlay.clients(); ++u) {
        const auto r = x.overlay.of(u), s = y.overlay.of(u);
        ASSERT_TRUE(std::ranges::equal(r.ids, s.ids)) << what << ": client " << u;
        const auto size = r.ids.size() * std::size_t(x.overlay.width());
        EXPECT_LT(farthest({r.rows, size}, {s.rows, size}), near) << what << ": client " << u;
      }
    }
}

TEST(DeviceEngine, AgreesWithTheProcessor) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto& kind : device_kinds())
    for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts})
      expect_near_the_processor(data, kind, rule);
}

// Where k-means groups them, the device does: the processor's groups, within the memory that was
// planned.
TEST(DeviceEngine, GroupsAsTheProcessorDoes) {
  auto options = tiny();
  options.users = 40;
  const test::SmallData small(options);
  const auto data = small.alone();
  for (const auto& kind : device_kinds())
    for (const auto& [cluster, landmarks] : {std::pair{ClusterMethod::kmeans, 2048},
                                             {ClusterMethod::kmeans, 16},
                                             {ClusterMethod::spectral, 16}}) {
      auto config = small_device_config("fedncf", "gfmfr");
      config.federation.fraction = 1.0;
      config.gfmfr.cluster = cluster;
      config.gfmfr.landmarks = landmarks;
      config.device.kind = DeviceKind::cpu;
      Federation processor(config, data, Comm::self(), 1);
      config.device.kind = kind;
      Federation device(config, data, Comm::self(), 1);
      for (int round = 1; round <= 2; ++round) {
        const auto a = processor.run_round(round), b = device.run_round(round);
        ASSERT_FALSE(b.failed_client);
        EXPECT_EQ(a.grouping->sizes, b.grouping->sizes) << kind << ": " << cluster;
      }
      EXPECT_EQ(processor.state().group, device.state().group)
          << kind << ": " << cluster << ", " << landmarks;
      EXPECT_LE(device.engine().facts().high_water_bytes, device.engine().facts().needed_bytes)
          << kind << ": " << cluster;
    }
}

// Nothing of how a round is laid out on a device may decide a bit.
TEST(DeviceEngine, SameBitsForAnyUploadsAndOrderOfThreads) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  const auto self = Comm::self();
  for (const auto& kind : device_kinds())
    for (const auto& [backbone, fusion] :
         {std::pair{"fedncf", "fedvlr+gfmfr"}, {"fedrap", "gfmfr"}, {"pfedrec", "none"}}) {
      auto config = small_device_config(backbone, fusion);
      config.device.kind = kind;
      config.execution.uploads = UploadMode::store;
      Federation one(config, data, self, 1), other(
                                                 [&] {
                                                   auto c = config;
                                                   c.execution.uploads = UploadMode::replay;
                                                   return c;
                                                 }(),
                                                 data, self, 2);
      EXPECT_TRUE(one.engine().stores_uploads());
      EXPECT_FALSE(other.engine().stores_uploads());
      for (int round = 1; round <= 2; ++round) {
        simt::set_schedule({simt::Order::ascending, 1, 1});
        ASSERT_FALSE(one.run_round(round).failed_client);
        simt::set_schedule({simt::Order::shuffled, 9, 2});
        ASSERT_FALSE(other.run_round(round).failed_client);
      }
      simt::set_schedule({});
      expect_same_bits(one, other, cat(kind, ": ", backbone, "+", fusion));
    }
}

TEST(DeviceEngine, SameBitsForAnyRanks) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small(tiny());
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& kind : device_kinds())
    for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts}) {
      auto config = small_device_config("fcf", "gfmfr", rule);
      config.device.kind = kind;
      Federation one(config, alone, self, 1), many(config, shared, world, 1);
      for (int round = 1; round <= 2; ++round) {
        ASSERT_FALSE(one.run_round(round).failed_client);
        ASSERT_FALSE(many.run_round(round).failed_client);
      }
      EXPECT_TRUE(one.global() == many.global()) << kind << " " << rule;
      EXPECT_TRUE(one.preferences() == many.preferences()) << kind << " " << rule;
    }
}

// The weight of those who touched a row is a whole number: the processor's, wherever sums meet.
TEST(DeviceEngine, CountsAreThoseOfTheProcessor) {
  const auto world = Comm::world();
  const test::SmallData small(tiny());
  const auto data = small.together(world);
  auto config = small_device_config("fedavg", "none", ItemUpdate::counts);  // weighs by samples
  config.federation.fraction = 1.0;
  const auto spec = resolve(config);
  const Federation federation(config, data, world, 1);
  const auto local = everybody(data);
  const auto n = std::int64_t(local.size());
  std::int64_t weight = 0;
  for (const auto u : local) weight += weight_of(spec, data, u);
  weight = world.sum(weight);
  const auto sums_of = [&](Engine& engine) {
    engine.adopt(federation.state());
    Trained trained;
    engine.make_room(spec, n, trained);
    auto sums = std::make_unique<RoundSums>(spec, data.items, weight);
    const RoundInputs inputs{1, federation.global(), federation.state(), {}};
    EXPECT_FALSE(engine.train(local, inputs, trained, *sums).any());
    engine.reduce(*sums, world);
    return sums;
  };
  const auto processor = make_cpu_engine(config, spec, data, 1, {});
  const auto want = sums_of(*processor);
  EXPECT_GT(std::ranges::count(want->row_weight(), 0), 0);
  const auto& table = federation.global().views[0];
  for (const bool on_devices : {false, true}) {
    gpu::ChosenReducer reducer{on_devices ? gpu::make_emulated_reducer(world) : nullptr,
                               "as the test says"};
    DeviceEngine engine(config, spec, data, open_device(DeviceKind::emulated, Comm::self(), 1), 1,
                        {}, std::move(reducer));
    const auto got = sums_of(engine);
    EXPECT_EQ(got->row_weight(), want->row_weight()) << on_devices;
    EXPECT_LT(farthest(got->aggregated_table(table, 8.0).span(),
                       want->aggregated_table(table, 8.0).span()),
              1e-4)
        << on_devices;
  }
}

// Sums that meet on the devices, or on the hosts.
TEST(DeviceEngine, SameBitsWhereverSumsMeet) {
  const auto world = Comm::world();
  const test::SmallData small(tiny());
  const auto data = small.together(world);
  auto config = small_device_config("fedncf", "fedvlr");  // a shared head and views
  config.federation.fraction = 1.0;
  const auto spec = resolve(config);
  const Federation federation(config, data, world, 1);
  const auto local = everybody(data);
  std::vector<Matrix<float>> views[2];
  Array<float> theta[2];
  for (const std::size_t on_devices : {0, 1}) {
    gpu::ChosenReducer reducer{on_devices == 1 ? gpu::make_emulated_reducer(world) : nullptr,
                               "as the test says"};
    DeviceEngine engine(config, spec, data, open_device(DeviceKind::emulated, Comm::self(), 1), 1,
                        {}, std::move(reducer));
    engine.adopt(federation.state());
    const auto n = std::int64_t(local.size());
    Trained trained;
    engine.make_room(spec, n, trained);
    RoundSums sums(spec, data.items, world.sum(n));
    ASSERT_FALSE(
        engine.train(local, {1, federation.global(), federation.state(), {}}, trained, sums).any());
    engine.reduce(sums, world);
    views[on_devices] = sums.mean_view_gradients();
    theta[on_devices] = sums.mean_theta(federation.global().theta);
  }
  EXPECT_FALSE(theta[0].empty());
  EXPECT_TRUE(views[0] == views[1]);
  EXPECT_TRUE(theta[0] == theta[1]);
}

}  // namespace
}  // namespace fedfuse
