// server/round: the same bits for any ranks, threads and upload mode; refusals; distillation;
// traffic.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::small_config;

void train(Federation& federation, int rounds) {
  for (int r = 1; r <= rounds; ++r) ASSERT_FALSE(federation.run_round(r).failed_client);
}

// Clients of `part` (some of them) hold in both federations the same bits.
void expect_same_bits(const Federation& whole, const Dataset& whole_data, const Federation& part,
                      const Dataset& part_data, const std::string& what) {
  EXPECT_TRUE(whole.global() == part.global()) << what << ": global model";
  EXPECT_TRUE(whole.preferences() == part.preferences()) << what << ": preferences";
  for (std::size_t at = 0; at < part_data.client_ids.size(); ++at) {
    const auto id = part_data.client_ids[at];
    const auto u =
        std::ranges::lower_bound(whole_data.client_ids, id) - whole_data.client_ids.begin();
    const auto p = std::int64_t(at);
    const auto& a = whole.state();
    const auto& b = part.state();
    const auto same = [&](const Matrix<float>& x, const Matrix<float>& y) {
      return x.empty() || std::equal(x.row(u), x.row(u) + x.cols, y.row(p));
    };
    ASSERT_TRUE(same(a.theta, b.theta) && same(a.user, b.user) && same(a.router, b.router) &&
                same(a.shares, b.shares))
        << what << ": client " << id;
    ASSERT_EQ(a.group[std::size_t(u)], b.group[at]) << what << ": client " << id;
    if (a.overlay.clients() == 0) continue;
    const auto x = a.overlay.of(u), y = b.overlay.of(p);
    ASSERT_TRUE(std::ranges::equal(x.ids, y.ids)) << what << ": client " << id;
    ASSERT_TRUE(std::equal(x.rows, x.rows + x.ids.size() * std::size_t(a.overlay.width()), y.rows))
        << what << ": client " << id;
  }
}

TEST(Round, SameBitsForAnyRanksThreadsAndUploads) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts})
    for (const auto& backbone_row : backbones())
      for (const auto& fusion_row : fusions()) {
        const std::string backbone(backbone_row.name), fusion(fusion_row.name);
        auto config = small_config(backbone, fusion, rule);
        config.execution.uploads = UploadMode::store;
        if (backbone == "fedrap") config.model.personal_init_std = 0.01;
        omp_set_num_threads(1);
        Federation one(config, alone, self, 1);
        train(one, 3);
        auto other = config;
        other.execution.uploads = UploadMode::replay;
        omp_set_num_threads(2);
        Federation many(other, shared, world, 2);
        train(many, 3);
        expect_same_bits(one, alone, many, shared, cat(backbone, "+", fusion, " ", rule));
      }
}

TEST(Round, SameBitsForEverySolverOfTheTeacher) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto solver : {TeacherSolver::batches, TeacherSolver::closed})
    for (const std::string fusion : {"gfmfr", "mlp+gfmfr", "fedvlr+gfmfr"}) {
      auto config = small_config("fcf", fusion, ItemUpdate::counts);
      config.gfmfr.teacher.solver = solver;
      config.gfmfr.teacher.hidden = 8;
      config.gfmfr.regroup_every = 2;
      config.execution.uploads = UploadMode::store;
      omp_set_num_threads(1);
      Federation one(config, alone, self, 1);
      train(one, 3);
      EXPECT_FALSE(one.preferences().empty());
      config.execution.uploads = UploadMode::replay;
      omp_set_num_threads(2);
      Federation many(config, shared, world, 2);
      train(many, 3);
      expect_same_bits(one, alone, many, shared, cat(fusion, " ", text_of(solver)));
    }
}

TEST(Round, ADivergingClientLeavesTheStateBeforeTheRound) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = small_config("fedrap", "gfmfr");
  Federation federation(config, data, world, 1);
  train(federation, 2);
  const auto global = federation.global();
  const auto state = federation.state();
  auto& broken = const_cast<Matrix<float>&>(federation.state().user);
  const float kept = data.client_ids[0] < 40 ? broken(0, 0) : 0;
  broken(0, 0) = NAN;
  const auto local = sample_participants(config, data, 3);
  std::optional<std::int64_t> diverges;
  if (!local.empty() && local.front() == 0) diverges = data.client_ids[0];
  const auto report = federation.run_round(3);
  ASSERT_TRUE(report.failed_client);
  EXPECT_EQ(report.failed_client, world.min(diverges));
  broken(0, 0) = kept;
  EXPECT_TRUE(federation.global() == global);
  EXPECT_TRUE(federation.state() == state);
}

TEST(Round, DistillationMovesClientsTowardsTheirGroup) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = small_config("fcf", "gfmfr");
  Federation distilled(config, data, Comm::self(), 1);
  config.gfmfr.distillation.weight = 0;
  Federation plain(config, data, Comm::self(), 1);
  const auto first = distilled.run_round(1), second = distilled.run_round(2);
  EXPECT_EQ(first.lambda, 0.0);  // no teacher has spoken yet
  EXPECT_EQ(second.lambda, 0.25);
  EXPECT_GT(second.loss_distillation, 0.0);
  train(plain, 2);
  EXPECT_FALSE(plain.global() == distilled.global());
  ASSERT_TRUE(first.grouping.has_value());
  std::int64_t members = 0;
  for (const auto size : first.grouping->sizes) members += size;
  EXPECT_EQ(members, first.participants);
}

TEST(DistillationSchedule, StartsFallsAndBalances) {
  DistillationOptions o;
  o.weight = 0.4;
  o.start = 5;
  EXPECT_EQ(DistillationSchedule(o, 100).lambda(4), 0.0);
  EXPECT_EQ(DistillationSchedule(o, 100).lambda(5), 0.4);
  o.schedule = DistillSchedule::cosine;
  EXPECT_NEAR(DistillationSchedule(o, 100).lambda(50), 0.4 * std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(DistillationSchedule(o, 100).lambda(100), 0.0, 1e-12);
  o.schedule = DistillSchedule::constant;
  o.balance = true;
  DistillationSchedule balanced(o, 100);
  balanced.observe(0.6, 0.3);
  EXPECT_NEAR(balanced.lambda(6), 0.8, 1e-12);
  balanced.observe(0.6, 0.1);
  EXPECT_NEAR(balanced.lambda(7), 0.4 * 0.6 / (0.9 * 0.3 + 0.1 * 0.1), 1e-12);
}

// The FedVLR paper's Table 3, KU: M d = 35,840; +MLP 3 M d; +ours 3 M d + 12,547; FedRAP one M d
// more.
TEST(Traffic, CountsOfThePapers) {
  Dataset data;
  data.items = 560;
  data.text = Matrix<float>(1, 512);
  data.image = Matrix<float>(1, 512);
  const auto count = [&](const std::string& backbone, const std::string& fusion,
                         ItemUpdate rule = ItemUpdate::mean) {
    Config c;
    c.model.backbone = backbone;
    c.model.fusion = fusion;
    c.federation.item_update = rule;
    return count_traffic(resolve(c), data, 1000, 85);
  };
  EXPECT_EQ(count("fcf", "none").parameters_on_client, 35840);
  EXPECT_EQ(count("fcf", "mlp").parameters_on_client, 3 * 35840);
  EXPECT_EQ(count("fcf", "fedvlr").parameters_on_client, 3 * 35840 + 12547);
  EXPECT_EQ(count("fedrap", "fedvlr").parameters_on_client, 4 * 35840 + 12547);
  EXPECT_EQ(count("fcf", "none").dense_down, 4 * 35840);
  EXPECT_EQ(count("fedavg", "none").dense_down, 4 * (35840 + 65));
  EXPECT_EQ(count("fcf", "gfmfr").dense_down, 4 * (35840 + 560));
  EXPECT_EQ(count("fcf", "gfmfr").dense_up, 4 * (35840 + 65));
  EXPECT_EQ(count("fcf", "fedvlr").dense_up, 4 * (35840 + 1000));
  EXPECT_EQ(count("fcf", "none").sparse_up, 85 * 4 * 65);
  // by counts: how many touched each row, where rows go up
  EXPECT_EQ(count("fcf", "none", ItemUpdate::counts).dense_up, 4 * (35840 + 560));
  EXPECT_EQ(count("fcf", "none", ItemUpdate::counts).sparse_up, 85 * 4 * 66);
  EXPECT_EQ(count("fcf", "none", ItemUpdate::counts).dense_down, 4 * 35840);
  EXPECT_EQ(count("fcf", "fedvlr", ItemUpdate::counts).dense_up, 4 * (35840 + 1000));
  EXPECT_EQ(count("fcf", "gfmfr").raw_multimodal_down - count("fcf", "gfmfr").dense_down,
            4 * 560 * 1024);
}

}  // namespace
}  // namespace fedfuse
