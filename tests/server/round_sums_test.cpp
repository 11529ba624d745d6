// server/round_sums: a round of both rules of item rows (models.md section 2) against dense tables
// in double, on any number of ranks: R1, R7, the weights n_u, weight decay, the rates of a round.
#include "server/round_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/text.hpp"
#include "kernels/local_train/local_train_ref.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using local_train::DenseClient;

constexpr std::int64_t round_number = 3;  // of a fresh federation: rates have fallen twice

Config setting(const std::string& backbone, ItemUpdate rule) {
  auto config = test::small_config(backbone, "none", rule);
  config.federation.fraction = 1.0;
  config.federation.weight_decay = rule == ItemUpdate::mean ? 0.001 : 0.05;
  config.federation.lr_decay = 0.8;
  config.federation.lr_items_decay = 0.9;
  return config;
}

local_train::DenseRates rates_of_round(const Config& config) {
  const auto& o = config.federation;
  const double warm = std::tanh(0.3);
  return {.lr = o.lr * 0.8 * 0.8,
          .lr_items = o.lr_items * 0.9 * 0.9,
          .decay = o.weight_decay,
          .rap_alpha = config.model.rap_alpha * warm,
          .rap_beta = config.model.rap_beta * warm,
          .rows_by_sum = o.item_update == ItemUpdate::counts};
}

local_train::DenseSteps steps_of(const Samples& s) {
  local_train::DenseSteps steps;
  for (std::size_t k = 0; k + 1 < s.begin.size(); ++k) {
    steps.items.emplace_back();
    steps.labels.emplace_back();
    for (auto e = s.begin[k]; e < s.begin[k + 1]; ++e) {
      steps.items.back().push_back(s.items[std::size_t(s.slot[std::size_t(e)])]);
      steps.labels.back().push_back(double(s.label[std::size_t(e)]));
    }
  }
  return steps;
}

// What the clients upload, added up on paper: whole tables, and of each row those that touched it.
struct NaiveSums {
  explicit NaiveSums(std::size_t cells) : tables(cells), changes(cells), touched_weight(cells) {}
  std::vector<double> tables;          // sum of n_u C_u
  std::vector<double> changes;         // sum over those that touched the row of C_u - rho_u C
  std::vector<double> touched_weight;  // how many touched the cell's row
  double total = 0, kept = 0;          // sums of n_u, n_u rho_u

  void add(double weight, double rho, const DenseClient& client, const Array<float>& start,
           std::span<const std::int32_t> touched) {
    total += weight;
    kept += weight * rho;
    for (std::size_t c = 0; c < tables.size(); ++c) tables[c] += weight * client.table[c];
    const std::size_t width = tables.size() / std::size_t(client.items);
    for (const auto item : touched)
      for (std::size_t k = 0; k < width; ++k) {
        const auto c = std::size_t(item) * width + k;
        changes[c] += client.table[c] - rho * double(start[c]);
        touched_weight[c] += 1;
      }
  }
  [[nodiscard]] double next(std::size_t c, const Config& config, double start) const {
    if (config.federation.item_update == ItemUpdate::mean) return tables[c] / total;
    const double moved = touched_weight[c] > 0 ? changes[c] / touched_weight[c] : 0.0;
    return kept / total * start + config.federation.lr_items_server * moved;
  }
};

void expect_naive_round(const std::string& backbone, ItemUpdate rule, const Dataset& alone,
                        const Dataset& shared, const Comm& world) {
  const auto config = setting(backbone, rule);
  const auto what = cat(backbone, " ", rule);
  Federation one(config, alone, Comm::self(), 1), many(config, shared, world, 2);
  const auto& spec = one.spec();
  const GlobalModel start = one.global();
  const ClientState before = one.state();
  ASSERT_FALSE(one.run_round(round_number).failed_client) << what;
  ASSERT_FALSE(many.run_round(round_number).failed_client) << what;
  EXPECT_TRUE(one.global() == many.global()) << what;

  const auto rates = rates_of_round(config);
  const local_train::Shape shape{
      spec.head, spec.router, spec.d, 1, spec.view_width, true, spec.backbone.personal_rows};
  const Sampler sampler(config, alone);
  const auto& table = start.views[0].values;
  NaiveSums sums(table.size());
  for (std::int64_t u = 0; u < alone.clients; ++u) {
    Samples s;
    sampler.draw(u, round_number, s);
    DenseClient client;
    client.items = alone.items;
    const float* theta = spec.shares_head ? start.theta.data() : before.theta.row(u);
    client.theta.assign(theta, theta + spec.head.theta);
    client.user.assign(before.user.row(u), before.user.row(u) + spec.head.user);
    client.table.assign(table.begin(), table.end());
    if (spec.backbone.personal_rows) client.personal.assign(table.size(), 0.0);
    const auto steps = steps_of(s);
    std::vector<double> unused;
    (void)local_train::reference_train(shape, rates, client, steps, unused);
    const double weight = spec.backbone.weighs_by_samples ? double(alone.positives(u).size()) : 1.0;
    const double rho = std::pow(1 - rates.lr_items * rates.decay, double(steps.items.size()));
    sums.add(weight, rho, client, table, s.items);
    for (int k = 0; k < spec.head.theta && !spec.shares_head; ++k)
      ASSERT_NEAR(one.state().theta(u, k), client.theta[std::size_t(k)], 1e-4) << what;
  }
  std::int64_t untouched = 0;
  for (std::size_t c = 0; c < table.size(); ++c) {
    ASSERT_NEAR(many.global().views[0].values[c], sums.next(c, config, double(table[c])), 1e-5)
        << what << " cell " << c;
    untouched += sums.touched_weight[c] == 0;
  }
  EXPECT_GT(untouched, 0) << "a row that nobody touched";
}

TEST(RoundSums, AgreeWithTheNaiveRound) {
  const auto world = Comm::world();
  auto options = test::SmallData::default_options();
  options.items = 400;  // more than all clients draw
  options.users = 24;
  const test::SmallData small(options);
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto rule : {ItemUpdate::mean, ItemUpdate::counts})
    for (const auto& row : backbones())
      expect_naive_round(std::string(row.name), rule, alone, shared, world);
}

// A row that all clients touch alike moves as far whether ten or a hundred do, and whatever the
// number of items: no M and no N in the rule.
TEST(RoundSums, CountsForgetHowManyTouchedARow) {
  const auto config = test::small_config("fcf", "none", ItemUpdate::counts);
  const auto spec = resolve(config);
  const std::vector<std::int32_t> ids{2, 5};
  std::vector<float> rows(2 * std::size_t(spec.view_width), 0.25f);
  const std::vector<float> theta(std::size_t(spec.head.theta));
  LocalUpdate update;
  update.items = ids;
  update.rows = rows.data();
  update.theta = theta;
  for (const std::int64_t items : {8, 1000})
    for (const int clients : {1, 10, 100}) {
      RoundSums sums(spec, items, 3 * clients);
      for (int u = 0; u < clients; ++u) ASSERT_TRUE(sums.add(update, 3));
      const Matrix<float> table(items, spec.view_width);
      const auto next = sums.aggregated_table(table, 8.0);
      EXPECT_EQ(next(2, 0), 2.0f);
      EXPECT_EQ(next(5, spec.view_width - 1), 2.0f);
      EXPECT_EQ(next(3, 0), 0.0f);
      EXPECT_EQ(sums.row_weight()[2], clients);
      EXPECT_EQ(sums.row_weight()[3], 0);
      EXPECT_EQ(sums.aggregated_table(table, 0.0)(2, 0), 0.0f);  // a server that stands still
    }
}

}  // namespace
}  // namespace fedfuse
