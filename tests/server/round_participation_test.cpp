// server/round with simulated devices: the same bits for any ranks, threads and uploads, and from a
// copy of the state; rounds that stand leave all but the clock.
#include <gtest/gtest.h>

#include <cmath>

#include "server/federation.hpp"
#include "tests/server/model_after.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/server/state_copy.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::after;

struct Option {
  const char* name;
  void (*set)(ParticipationOptions&);
};
constexpr Option options[] = {
    {"equal", [](ParticipationOptions& o) { o.devices = ClientDevices::equal; }},
    {"over-select", [](ParticipationOptions& o) { o.over_select = 1.4; }},
    {"deadline", [](ParticipationOptions& o) { o.deadline = 20; }},
    {"dropout", [](ParticipationOptions& o) { o.dropout = 0.3; }},
    {"diurnal", [](ParticipationOptions& o) { o.availability = Availability::diurnal; }},
    {"all", [](ParticipationOptions& o) {
       o.over_select = 1.4;
       o.deadline = 20;
       o.dropout = 0.3;
       o.availability = Availability::diurnal;
     }}};

Config config_of(const std::string& backbone, const std::string& fusion, const Option& option) {
  auto config = test::small_config(backbone, fusion);
  config.federation.fraction = 0.6;
  config.participation.devices = ClientDevices::lognormal;
  config.participation.sample_seconds = 0.1;
  option.set(config.participation);
  return config;
}

TEST(RoundParticipation, SameBitsForAnyRanksThreadsAndUploads) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& option : options)
    for (const auto& [backbone, fusion] : {std::pair{"pfedrec", "none"}, {"fedncf", "gfmfr"}}) {
      auto config = config_of(backbone, fusion, option);
      config.execution.uploads = UploadMode::store;
      const auto one = after(config, alone, self, 1, 3);
      config.execution.uploads = UploadMode::replay;
      EXPECT_TRUE(one == after(config, shared, world, 2, 3))
          << backbone << "+" << fusion << " " << option.name;
    }
}

TEST(RoundParticipation, EveryFusionTakesThem) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& [backbone, fusion] :
       {std::pair{"fedrap", "mlp"}, {"fedncf", "fedvlr"}, {"fcf", "group-prior"}}) {
    const auto config = config_of(backbone, fusion, options[5]);
    EXPECT_TRUE(after(config, alone, self, 1) == after(config, shared, world, 2))
        << backbone << "+" << fusion;
  }
}

// A clock alone changes no bit of a model.
TEST(RoundParticipation, AClockAloneChangesNothing) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fedncf", "gfmfr", options[0]);
  const auto timed = after(config, data, Comm::self(), 1);
  config.participation = {};
  EXPECT_TRUE(timed == after(config, data, Comm::self(), 1));
}

TEST(RoundParticipation, GoesOnFromACopyOfItsState) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  const auto config = config_of("fedrap", "gfmfr", options[5]);
  Federation whole(config, data, world, 1), first(config, data, world, 1),
      second(config, data, world, 1);
  for (int round = 1; round <= 4; ++round) (void)whole.run_round(round);
  for (int round = 1; round <= 2; ++round) (void)first.run_round(round);
  test::StateCopy copy(first);
  copy.restore_to(second);
  for (int round = 3; round <= 4; ++round) (void)second.run_round(round);
  EXPECT_GT(whole.participation()->now(), 0);
  EXPECT_EQ(second.participation()->now(), whole.participation()->now());
  EXPECT_EQ(second.participation()->deliveries(), whole.participation()->deliveries());
  EXPECT_TRUE(test::StateCopy(second) == test::StateCopy(whole));
}

// Selection is before training, so what trains does not matter.
TEST(RoundParticipation, ADeviceTrainsTheSameParticipants) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fedncf", "none", options[5]);
  Federation on_cpu(config, data, Comm::self(), 1);
  config.device.kind = DeviceKind::emulated;
  Federation on_device(config, data, Comm::self(), 1);
  for (int round = 1; round <= 2; ++round) {
    const auto a = on_cpu.run_round(round), b = on_device.run_round(round);
    EXPECT_GT(a.participants, 0);
    EXPECT_EQ(a.participants, b.participants);
    EXPECT_NEAR(a.loss, b.loss, 1e-3);
  }
  EXPECT_EQ(on_cpu.participation()->now(), on_device.participation()->now());
}

// Clients that drop out keep what they had; those that deliver are exactly those that change.
TEST(RoundParticipation, WhoDoesNotDeliverKeepsItsState) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "none", options[3]);
  config.federation.fraction = 1;
  Federation federation(config, data, Comm::self(), 1);
  const auto before = federation.state();
  const auto report = federation.run_round(1);
  ASSERT_TRUE(report.selection.has_value());
  EXPECT_GT(report.selection->dropped, 0);
  std::int64_t changed = 0;
  for (std::int64_t u = 0; u < data.local_clients(); ++u) {
    const auto* was = before.theta.row(u);
    changed += !std::equal(was, was + before.theta.cols, federation.state().theta.row(u));
  }
  EXPECT_EQ(changed, report.participants);
  EXPECT_EQ(report.participants, report.selection->delivered);
  EXPECT_EQ(report.participants + report.selection->dropped, data.clients);
}

TEST(RoundParticipation, ARoundThatStandsLeavesAllButTheClock) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto* fusion : {"none", "gfmfr", "group-prior", "fedvlr"}) {
    auto config = config_of("fedncf", fusion, options[0]);
    Federation federation(config, data, world, 1);
    (void)federation.run_round(1);
    config.participation.deadline = 0.001;
    Federation late(config, data, world, 1);
    test::StateCopy before(federation);
    before.restore_to(late);
    const auto clock = late.participation()->now();
    const auto report = late.run_round(2);
    EXPECT_EQ(report.participants, 0) << fusion;
    EXPECT_TRUE(std::isnan(report.loss)) << fusion;
    EXPECT_EQ(late.participation()->now(), clock + 1000) << fusion;
    test::StateCopy then(late);
    then.numbers("server/participation/clock")[0] = clock;
    EXPECT_TRUE(then == before) << fusion;
  }
}

}  // namespace
}  // namespace fedfuse
