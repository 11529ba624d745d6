// server/round: the whole round against the naive form, and the same bits for any ranks, threads
// and upload mode.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "core/text.hpp"
#include "kernels/local_train/local_train_ref.hpp"
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
    ASSERT_TRUE(same(a.theta, b.theta) && same(a.user, b.user) && same(a.router, b.router))
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
  for (const auto& backbone_row : backbones())
    for (const auto& fusion_row : fusions()) {
      const std::string backbone(backbone_row.name), fusion(fusion_row.name);
      auto config = small_config(backbone, fusion);
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
      expect_same_bits(one, alone, many, shared, backbone + "+" + fusion);
    }
}

// R1, R7 and the weights alpha_u: one round of every backbone with a trained table against dense
// tables in double.
TEST(Round, AgreesWithTheNaiveRound) {
  const test::SmallData small;
  const auto data = small.alone();
  const auto self = Comm::self();
  for (const auto& row : backbones()) {
    const std::string backbone(row.name);
    auto config = small_config(backbone, "none");
    config.federation.fraction = 1.0;
    Federation federation(config, data, self, 1);
    const auto& spec = federation.spec();
    const GlobalModel start = federation.global();
    const ClientState before = federation.state();
    ASSERT_FALSE(federation.run_round(1).failed_client);

    const Sampler sampler(config, data);
    const std::size_t cells = start.views[0].size();
    std::vector<double> sum(cells, 0.0);
    double total = 0;
    for (std::int64_t u = 0; u < data.clients; ++u) {
      Samples s;
      sampler.draw(u, 1, s);
      local_train::DenseClient client;
      client.items = data.items;
      const float* theta = spec.shares_head ? start.theta.data() : before.theta.row(u);
      client.theta.assign(theta, theta + spec.head.theta);
      client.user.assign(before.user.row(u), before.user.row(u) + spec.head.user);
      client.table.assign(start.views[0].values.begin(), start.views[0].values.end());
      if (spec.backbone.personal_rows) client.personal.assign(cells, 0.0);
      local_train::DenseSteps steps;
      for (std::size_t k = 0; k + 1 < s.begin.size(); ++k) {
        steps.items.emplace_back();
        steps.labels.emplace_back();
        for (auto e = s.begin[k]; e < s.begin[k + 1]; ++e) {
          steps.items.back().push_back(s.items[std::size_t(s.slot[std::size_t(e)])]);
          steps.labels.back().push_back(double(s.label[std::size_t(e)]));
        }
      }
      local_train::Shape shape{
          spec.head, spec.router, spec.d, 1, spec.view_width, true, spec.backbone.personal_rows};
      const double warm = std::tanh(0.1);
      const local_train::DenseRates rates{config.federation.lr,
                                          config.federation.lr_items,
                                          config.federation.weight_decay,
                                          0,
                                          config.model.rap_alpha * warm,
                                          config.model.rap_beta * warm,
                                          false};
      std::vector<double> unused;
      (void)local_train::reference_train(shape, rates, client, steps, unused);
      const double weight =
          spec.backbone.weighs_by_samples ? double(data.positives(u).size()) : 1.0;
      for (std::size_t k = 0; k < cells; ++k) sum[k] += weight * client.table[k];
      total += weight;
      for (int k = 0; k < spec.head.theta && !spec.shares_head; ++k)
        ASSERT_NEAR(federation.state().theta(u, k), client.theta[std::size_t(k)], 1e-4) << backbone;
    }
    for (std::size_t k = 0; k < cells; ++k)
      ASSERT_NEAR(federation.global().views[0].values[k], sum[k] / total, 1e-5)
          << backbone << " cell " << k;
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
  EXPECT_EQ(second.lambda, 0.5);
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
  const auto count = [&](const std::string& backbone, const std::string& fusion) {
    Config c;
    c.model.backbone = backbone;
    c.model.fusion = fusion;
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
  EXPECT_EQ(count("fcf", "gfmfr").raw_multimodal_down - count("fcf", "gfmfr").dense_down,
            4 * 560 * 1024);
}

}  // namespace
}  // namespace fedfuse
