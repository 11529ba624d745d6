// server/round: a round that a client or the server refuses never happened; values beyond the
// round's limit that are no fault; and groups that fewer groups follow.
#include <gtest/gtest.h>

#include <cmath>

#include "core/text.hpp"
#include "evaluation/score_rows.hpp"
#include "server/federation.hpp"
#include "server/server_diverged.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/server/state_copy.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::small_config;
using test::StateCopy;

// ---- the server diverges

struct Divergence {
  std::string backbone, fusion, part;
  double server_lr, teacher_lr;  // teacher: GFMFR's, or the group prior's
};

// In round 2, after a good one: everything that the next round would depend on is that of round 1.
void expect_untouched(const Divergence& d, Config config, const Dataset& data, const Comm& comm,
                      const std::string& what) {
  config.fedvlr.lr = d.server_lr;
  config.gfmfr.teacher.lr = config.prior.lr = d.teacher_lr;
  Config good = config;
  good.fedvlr.lr = 1e-3;
  good.gfmfr.teacher.lr = good.prior.lr = 1e-3;
  Federation first(good, data, comm, 1);
  ASSERT_FALSE(first.run_round(1).failed_client) << what;
  StateCopy start(first);
  Federation second(config, data, comm, 1);
  start.restore_to(second);
  const auto views = first.global();
  const auto embeddings =
      first.teacher() == nullptr ? Matrix<float>() : first.teacher()->group_embeddings();
  try {
    (void)second.run_round(2);
    ADD_FAILURE() << what << ": it went on";
  } catch (const ServerDiverged& e) {
    EXPECT_EQ(e.part(), d.part) << what << ": " << e.what();
  }
  EXPECT_TRUE(StateCopy(second) == start) << what;
  EXPECT_TRUE(second.global() == views) << what;
  if (second.teacher() != nullptr) {
    EXPECT_EQ(second.teacher()->group_embeddings(), embeddings) << what;
  }
}

TEST(RoundFailure, ADivergingServerLeavesTheStateBeforeTheRound) {
  const test::SmallData small;
  const auto data = small.together(Comm::world());
  constexpr double good = 1e-3, bad = 1e38;
  const std::string views = "the server's item views", teacher = "the teacher",
                    prior = "the teacher of the group prior";
  for (const auto& d : std::vector<Divergence>{{"fcf", "fedvlr", views, bad, good},
                                               {"fedavg", "mlp", views, bad, good},
                                               {"fcf", "gfmfr", teacher, good, bad},
                                               {"fedncf", "mlp+gfmfr", teacher, good, bad},
                                               {"fedrap", "gfmfr", teacher, good, bad},
                                               {"pfedrec", "gfmfr", teacher, good, bad},
                                               {"fedrap", "group-prior", prior, good, bad},
                                               {"fcf", "mlp+group-prior", prior, good, bad},
                                               {"fcf", "fedvlr+group-prior", views, bad, good},
                                               {"fedrap", "fedvlr+gfmfr", views, bad, good}})
    for (const auto optimizer : {OptimizerKind::adam, OptimizerKind::sgd})
      for (const auto uploads : {UploadMode::store, UploadMode::replay})
        for (const auto device : {DeviceKind::cpu, DeviceKind::emulated}) {
          // a step of plain descent is as long as its gradient: not every fusion diverges in one
          if (optimizer == OptimizerKind::sgd && d.fusion != "fedvlr" && d.fusion != "gfmfr")
            continue;
          if (device == DeviceKind::emulated && uploads == UploadMode::replay) continue;
          auto config = small_config(d.backbone, d.fusion);
          config.fedvlr.optimizer = config.gfmfr.teacher.optimizer = optimizer;
          config.execution.uploads = uploads;
          config.device.kind = device;
          expect_untouched(d, config, data, Comm::world(),
                           cat(d.backbone, "+", d.fusion, " ", optimizer, " ", device));
        }
}

// Weights are numbers of interactions. Where the participants have none, the mean does not exist:
// it is not a table of zeros.
TEST(RoundFailure, AMeanOverNoInteractionChangesNothing) {
  const test::SmallData small;
  auto data = small.together(Comm::world());
  data.train.clear();
  std::ranges::fill(data.offsets, 0);
  for (const auto* fusion : {"none", "fedvlr"}) {
    auto config = small_config("fedavg", fusion);
    Federation federation(config, data, Comm::world(), 1);
    const auto before = federation.global();
    ASSERT_FALSE(federation.run_round(1).failed_client) << fusion;
    EXPECT_TRUE(federation.global() == before) << fusion;
  }
}

// ---- a client is refused by all sums, or by none

// Two private heads are set before a round: the round's sums do not see them, the groups' do.
RoundReport round_with_heads(Federation& federation, const Dataset& data, float first, float second,
                             std::int64_t round) {
  auto& heads = const_cast<Matrix<float>&>(federation.state().theta);
  for (std::int64_t u = 0; u < heads.rows; ++u)
    if (const auto id = data.client_ids[std::size_t(u)]; id == 7 || id == 21)
      heads(u, federation.spec().head.last_w) = id == 7 ? first : second;
  StateCopy before(federation);
  before.restore_to(federation);  // to where the engine holds it
  auto report = federation.run_round(round);
  if (report.failed_client) {
    EXPECT_TRUE(StateCopy(federation) == before);
  }
  return report;
}

TEST(RoundFailure, AHeadThatNoGroupTakesIsRefusedWithTheClient) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto device : {DeviceKind::cpu, DeviceKind::emulated}) {
    auto config = small_config("fcf", "gfmfr");
    config.federation.lr = config.federation.lr_items = 1e-6;
    config.federation.fraction = 1.0;
    config.device.kind = device;
    Federation federation(config, data, world, 1);
    ASSERT_FALSE(federation.run_round(1).failed_client);
    StateCopy good(federation);
    auto report = round_with_heads(federation, data, 5e12f, 7e12f, 2);
    EXPECT_EQ(report.failed_client, 7) << device;
    EXPECT_GT(report.too_large, 0x1p40) << device;
    good.restore_to(federation);
    report = round_with_heads(federation, data, 5e12f, NAN, 2);
    EXPECT_EQ(report.failed_client, 21) << device;
    EXPECT_EQ(report.too_large, 0) << device;
    good.restore_to(federation);
    report = round_with_heads(federation, data, 5000, 900, 2);
    EXPECT_FALSE(report.failed_client) << device;
    EXPECT_EQ(federation.sum_ranges().log2(SumKind::group_heads), 13) << device;
  }
}

// A virtual row update is eta_I times gradients that have passed: it is no fault of the client.
TEST(RoundFailure, VirtualUpdatesBeyondTheLimitAreSummed) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto device : {DeviceKind::cpu, DeviceKind::emulated})
    for (const auto* fusion : {"mlp+gfmfr", "fedvlr+gfmfr"})
      for (const double rate : {1e6, 1e30}) {
        const auto what = cat(device, " ", fusion, " ", rate);
        auto config = small_config("fedrap", fusion);
        config.federation.weight_decay = 0;
        config.federation.lr_items = rate;
        config.model.rap_alpha = config.model.rap_beta = 0;
        config.device.kind = device;
        config.execution.uploads = UploadMode::store;
        // FedRAP's own rows would move as far: fcf has none
        config.model.backbone = "fcf";
        Federation one(config, alone, self, 1);
        config.execution.uploads = UploadMode::replay;
        Federation many(config, shared, world, 2);
        if (rate > 1e20) {  // beyond every range
          const auto refused = one.run_round(1);
          EXPECT_EQ(refused.too_large_kind, SumKind::group_rows) << what;
          EXPECT_GT(refused.too_large, 0x1p40) << what;
          EXPECT_EQ(many.run_round(1).failed_client, refused.failed_client) << what;
          continue;
        }
        for (int round = 1; round <= 2; ++round) {
          ASSERT_FALSE(one.run_round(round).failed_client) << what;
          ASSERT_FALSE(many.run_round(round).failed_client) << what;
        }
        EXPECT_TRUE(one.global() == many.global()) << what;
        EXPECT_EQ(one.preferences(), many.preferences()) << what;
        EXPECT_EQ(one.teacher()->group_embeddings(), many.teacher()->group_embeddings()) << what;
      }
}

TEST(RoundFailure, GroupSumsOfALargerLimitAgreeWithDouble) {
  const auto config = small_config("fcf", "mlp+gfmfr");
  const auto spec = resolve(config);
  constexpr std::int64_t items = 5;
  GlobalModel global;
  global.views.emplace_back(items, spec.view_width);
  global.theta.resize(std::size_t(spec.head.theta));
  const std::vector<float> theta(std::size_t(spec.head.theta), 0.25f);
  const float omega[3] = {1, 0, 0};
  const std::vector<std::int32_t> ids{1, 4};
  std::vector<float> rows(ids.size() * std::size_t(spec.view_width));
  for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = 1000.0f + 37.31f * float(k);
  const Upload upload{ids, rows.data(), nullptr, 1.0f};
  Misfit misfit;
  misfit.largest[std::size_t(SumKind::group_rows)] = 1e7;
  SumRanges ranges;
  (void)ranges.raise(misfit);
  GroupSums usual(spec, items, {2}), wide(spec, items, {2}, {}, ranges);
  EXPECT_FALSE(usual.add(0, upload, theta, omega));
  EXPECT_EQ(usual.excess(0, upload, theta, omega).largest()[std::size_t(SumKind::group_rows)],
            double(rows.back()));
  ASSERT_TRUE(wide.add(0, upload, theta, omega));
  ASSERT_TRUE(wide.add(0, upload, theta, omega));
  const auto targets = wide.targets(global, {0, items});
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (int k = 0; k < spec.view_width; ++k) {
      const auto at = i * std::size_t(spec.view_width) + std::size_t(k);
      EXPECT_NEAR(targets[0](ids[i], k), rows[at], 1e-6 * double(rows[at]));
    }
  EXPECT_EQ(targets[0](0, 0), 0.0f);
}

TEST(RoundFailure, RowsThatWeightDecayLetsGrowAreLookedAt) {
  ClientState state;
  state.overlay = OverlayStore(1, 2);
  const std::vector<std::int32_t> ids{3};
  const std::vector<float> rows{1e37f, 1.0f};
  state.overlay.replace(0, ids, rows.data());
  EXPECT_TRUE(keeps_finite_rows(state, 0, -30.0));
  EXPECT_FALSE(keeps_finite_rows(state, 0, -40.0));
  state.overlay.replace(0, {}, nullptr);
  state.base = Matrix<float>(4, 2);
  state.base_scale = {1e37f};
  EXPECT_FALSE(keeps_finite_rows(state, 0, -40.0));
}

// ---- groups

Config adaptive(GroupsBy by, std::int64_t regroup_every, std::uint64_t seed) {
  auto config = small_config("fcf", "gfmfr");
  config.gfmfr.groups_min = 2;
  config.gfmfr.groups_max = 8;
  config.gfmfr.groups_by = by;
  config.gfmfr.regroup_every = regroup_every;
  config.gfmfr.teacher.epochs = 1;
  config.federation.fraction = 0.3;
  config.federation.seed = seed;
  config.federation.rounds = 8;
  return config;
}

TEST(RoundFailure, AClientThatSitsOutHasAGroupThatExists) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  bool fewer = false, forgotten = false;
  for (const auto by : {GroupsBy::silhouette, GroupsBy::eigengap})
    for (const std::int64_t every : {1, 2})
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const auto what = cat(by, " every ", every, ", seed ", seed);
        const auto config = adaptive(by, every, seed);
        Federation whole(config, data, world, 1);
        auto resumed = std::make_unique<Federation>(config, data, world, 1);
        for (int round = 1; round <= 8; ++round) {
          const auto before = whole.preferences().rows;
          const auto groups_before = whole.groups();
          ASSERT_FALSE(whole.run_round(round).failed_client) << what;
          // another process, which goes on from a checkpoint of the round before
          StateCopy checkpoint(*resumed);
          resumed = std::make_unique<Federation>(config, data, world, 1);
          if (round > 1) checkpoint.restore_to(*resumed);
          ASSERT_FALSE(resumed->run_round(round).failed_client) << what;
          ASSERT_TRUE(StateCopy(*resumed) == StateCopy(whole)) << what << ", round " << round;

          const auto groups = whole.preferences().rows;
          fewer = fewer || groups < before;
          for (std::size_t u = 0; u < whole.groups().size(); ++u) {
            ASSERT_LT(whole.groups()[u], groups) << what << ", round " << round;
            forgotten = forgotten || (groups_before[u] >= 0 && whole.groups()[u] < 0);
          }
          (void)evaluate_rows(whole.preferences(), whole.groups(), data, {}, world);
        }
      }
  EXPECT_TRUE(fewer) << "the setting has no round with fewer groups";
  EXPECT_TRUE(world.max(std::int64_t(forgotten)) > 0) << "nobody sat out in a group that ended";
}

// A checkpoint of a program that kept them.
TEST(RoundFailure, GroupsBeyondTheTableAreForgottenWhenTheyAreRead) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  const auto config = adaptive(GroupsBy::silhouette, 3, 1);
  Federation federation(config, data, world, 1);
  ASSERT_FALSE(federation.run_round(1).failed_client);
  StateCopy stale(federation);
  for (auto& group : stale.groups()) group = std::int32_t(federation.preferences().rows);
  Federation resumed(config, data, world, 1);
  stale.restore_to(resumed);
  for (const auto group : resumed.groups()) EXPECT_EQ(group, -1);
  EXPECT_FALSE(resumed.run_round(2).failed_client);
}

}  // namespace
}  // namespace fedfuse
