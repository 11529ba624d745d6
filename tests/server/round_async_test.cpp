// server/round with --async: the rounds that it must equal, a step in double, the same bits for any
// ranks, threads, uploads and from a copy of the state, and the models that are kept.
#include <gtest/gtest.h>

#include <cmath>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "server/host_plan.hpp"
#include "server/staleness.hpp"
#include "tests/server/model_after.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/server/state_copy.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::after;

Config config_of(const std::string& backbone, const std::string& fusion,
                 ItemUpdate rule = ItemUpdate::mean) {
  auto config = test::small_config(backbone, fusion, rule);
  config.federation.lr_items_decay = config.federation.lr_decay = 0.9;
  auto& o = config.participation;
  o.devices = ClientDevices::lognormal;
  o.sample_seconds = 0.1;
  o.async = 5;
  o.concurrency = 20;
  o.max_staleness = 4;
  return config;
}

TEST(RoundAsync, WhereAllWaitForAllItIsARound) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto& backbone : backbones())
    for (const auto* fusion : {"none", "mlp", "fedvlr"}) {
      auto config = test::small_config(std::string(backbone.name), fusion);
      config.federation.fraction = 1;
      config.participation.devices = ClientDevices::equal;
      Federation rounds(config, data, Comm::self(), 1);
      config.participation.async = data.clients;
      Federation steps(config, data, Comm::self(), 1);
      for (int round = 1; round <= 3; ++round) {
        const auto a = rounds.run_round(round), b = steps.run_round(round);
        EXPECT_EQ(a.loss, b.loss);
        EXPECT_EQ(b.participants, data.clients);
      }
      const auto what = cat(backbone.name, "+", fusion);
      EXPECT_TRUE(rounds.global() == steps.global()) << what;
      EXPECT_TRUE(rounds.state() == steps.state()) << what;
      EXPECT_EQ(rounds.participation()->now(), steps.participation()->now()) << what;
    }
}

TEST(RoundAsync, SameBitsForAnyRanksThreadsAndUploads) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& [backbone, fusion] : {std::pair{"pfedrec", "none"},
                                         {"fedavg", "none"},
                                         {"fedrap", "mlp"},
                                         {"fcf", "mlp"},
                                         {"fedncf", "fedvlr"}}) {
    auto config = config_of(backbone, fusion, ItemUpdate::counts);
    config.participation.dropout = 0.2;
    config.execution.uploads = UploadMode::store;
    const auto one = after(config, alone, self, 1, 8);
    config.execution.uploads = UploadMode::replay;
    EXPECT_TRUE(one == after(config, shared, world, 2, 8)) << backbone << "+" << fusion;
  }
}

TEST(RoundAsync, GoesOnFromACopyOfItsState) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto& [backbone, fusion] : {std::pair{"pfedrec", "none"}, {"fedncf", "fedvlr"}}) {
    const auto config = config_of(backbone, fusion);
    Federation whole(config, data, world, 1), first(config, data, world, 1),
        second(config, data, world, 1);
    for (int round = 1; round <= 9; ++round) (void)whole.run_round(round);
    for (int round = 1; round <= 5; ++round) (void)first.run_round(round);
    EXPECT_GT(first.old_models().count(), 1);
    test::StateCopy copy(first);
    copy.restore_to(second);
    EXPECT_EQ(second.old_models().count(), first.old_models().count());
    for (int round = 6; round <= 9; ++round) (void)second.run_round(round);
    EXPECT_TRUE(test::StateCopy(second) == test::StateCopy(whole));
  }
}

// ---- a step on paper

struct Paper {
  std::vector<double> changes, touched;  // of each cell: sum of w n delta; clients
  std::vector<double> head;              // sum of n (theta + w (theta_u - theta_start))
  double weight = 0, decayed = 0;        // sums of n, n w (1 - rho)
};

void add_on_paper(Paper& paper, const LocalUpdate& update, double n, double w,
                  const ModelSpec& spec, const GlobalModel& start, const GlobalModel& newest) {
  const auto width = std::size_t(spec.view_width);
  for (std::size_t i = 0; i < update.items.size(); ++i)
    for (std::size_t k = 0; k < width; ++k) {
      const auto cell = std::size_t(update.items[i]) * width + k;
      paper.changes[cell] += (spec.counts_rows ? 1 : n) * w * double(update.rows[i * width + k]);
      paper.touched[cell] += 1;
    }
  paper.weight += n;
  paper.decayed += n * w * (1 - update.rho);
  for (std::size_t k = 0; k < paper.head.size(); ++k)
    paper.head[k] +=
        n * (double(newest.theta[k]) + w * (double(update.theta[k]) - double(start.theta[k])));
}

// C' = (1 - sum n w (1 - rho) / W) C + the changes over W, or by counts over the clients of a row.
double next_on_paper(const Paper& paper, std::size_t cell, const Config& config, double now) {
  const bool counts = config.federation.item_update == ItemUpdate::counts;
  const double by = counts ? std::max(1.0, paper.touched[cell]) / config.federation.lr_items_server
                           : paper.weight;
  return (1 - paper.decayed / paper.weight) * now + paper.changes[cell] / by;
}

void expect_step_on_paper(const std::string& backbone, ItemUpdate rule, const Dataset& data) {
  const auto what = cat(backbone, " ", rule);
  const auto config = config_of(backbone, "none", rule);
  Federation federation(config, data, Comm::self(), 1);
  const auto& spec = federation.spec();
  std::vector<GlobalModel> models{federation.global()};
  constexpr int last = 9;
  for (int round = 1; round < last; ++round) {
    (void)federation.run_round(round);
    models.push_back(federation.global());
  }
  const auto& who = *federation.participation();
  const auto step = who.schedule()->next(last - 1, who.now());
  const Sampler sampler(config, data);
  LocalTrainer trainer(config, spec, data, sampler);
  const auto& newest = models.back();
  const auto cells = newest.views[0].size();
  Paper paper{std::vector<double>(cells), std::vector<double>(cells),
              std::vector<double>(spec.shares_head ? newest.theta.size() : 0)};
  const ClientState before = federation.state();
  std::int64_t oldest = last;
  for (const auto& f : step.counted) {
    const auto& start = models[std::size_t(f.version)];
    const auto& update = trainer.train(f.client, f.version + 1, start, before, {});
    const double n = spec.backbone.weighs_by_samples ? double(data.positives(f.client).size()) : 1;
    add_on_paper(paper, update, n, 1 / std::sqrt(double(last - f.version)), spec, start, newest);
    oldest = std::min(oldest, f.version);
  }
  EXPECT_LT(oldest, last - 2) << what << ": nothing was stale";
  (void)federation.run_round(last);
  for (std::size_t c = 0; c < cells; ++c)
    ASSERT_NEAR(federation.global().views[0].values[c],
                next_on_paper(paper, c, config, double(newest.views[0].values[c])), 1e-6)
        << what << " cell " << c;
  for (std::size_t k = 0; k < paper.head.size(); ++k)
    ASSERT_NEAR(federation.global().theta[k], paper.head[k] / paper.weight, 1e-6) << what;
}

TEST(RoundAsync, AStepIsTheOneOnPaper) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts})
    for (const auto& backbone : backbones())
      expect_step_on_paper(std::string(backbone.name), rule, data);
}

TEST(RoundAsync, GradientsOfAllViewsAndChangesOfHeadsAreWeakened) {
  ModelSpec spec;
  spec.views = 2;
  spec.view_width = 2;
  const std::vector<std::int32_t> items{4, 7};
  const std::vector<float> rows{1, 2, 3, 4, 5, 6, 7, -8}, head{3, -1};
  LocalUpdate update;
  update.items = items;
  update.rows = rows.data();
  update.rho = 0.8;
  update.theta = update.sent_theta = head;
  GlobalModel old, newest;
  old.theta = {1, 1};
  newest.theta = {10, 20};
  const auto weight = staleness_weight(3);
  EXPECT_EQ(weight, 0.5);
  const Start start{1, &old, weight};
  for (const bool as_change : {false, true}) {
    spec.shares_head = true;
    spec.head_as_change = as_change;
    const Weakened weakened(update, start, spec, newest);
    for (std::size_t k = 0; k < rows.size(); ++k) EXPECT_EQ(weakened.update().rows[k], rows[k] / 2);
    EXPECT_DOUBLE_EQ(weakened.update().rho, 0.9);
    EXPECT_EQ(weakened.update().sent_theta[0], as_change ? 1.5f : 11.0f);
    EXPECT_EQ(weakened.update().sent_theta[1], as_change ? -0.5f : 19.0f);
    EXPECT_EQ(weakened.update().theta[0], 3.0f) << "what the client keeps";
  }
  const Weakened whole(update, {1, &old, staleness_weight(0)}, spec, newest);
  EXPECT_EQ(whole.update().rows, rows.data()) << "an upload that is not stale is as it was";
}

// ---- who changes, and what is kept

TEST(RoundAsync, OnlyUploadsThatCountChangeTheirClient) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "none");
  config.participation.dropout = 0.2;
  config.participation.max_staleness = 2;
  Federation federation(config, data, Comm::self(), 1);
  std::int64_t lost = 0;
  for (int round = 1; round <= 10; ++round) {
    const auto before = federation.state();
    const auto report = federation.run_round(round);
    const auto& step = *report.selection->step;
    std::vector<std::int64_t> changed, counted;
    for (std::int64_t u = 0; u < data.local_clients(); ++u) {
      const auto* was = before.theta.row(u);
      if (!std::equal(was, was + before.theta.cols, federation.state().theta.row(u)))
        changed.push_back(u);
    }
    for (const auto& flight : step.counted) counted.push_back(flight.client);
    EXPECT_EQ(changed, counted);
    lost += step.dropped + step.stale;
  }
  EXPECT_GT(lost, 0);
}

TEST(RoundAsync, TheMemoryPlanHasTheOldModels) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "fedvlr");
  const auto plan = [&] {
    for (const auto& need : memory_needs(config, resolve(config), data, 1))
      if (need.option == cat("--max-staleness ", config.participation.max_staleness))
        return need.bytes;
    return -1.0;
  };
  const double model = 3 * 60 * 8 * 4;
  EXPECT_EQ(plan(), 4 * model);
  Federation federation(config, data, Comm::self(), 1);
  for (int round = 1; round <= 9; ++round) (void)federation.run_round(round);
  EXPECT_EQ(federation.old_models().count(), 4);
  config.participation.max_staleness = 1000;
  EXPECT_EQ(plan(), 20 * model) << "no more than clients in flight";
  config.participation = {};
  EXPECT_LE(plan(), 0);
}

}  // namespace
}  // namespace fedfuse
