// clients/local_round: the rates of a round.
#include "clients/local_round.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

namespace fedfuse {
namespace {

Config config_of(ItemUpdate rule) {
  Config config;
  config.federation.item_update = rule;
  config.federation.lr = 0.5;
  return config;
}

TEST(Rates, TheDefaultOfItemRowsKnowsNoNumberOfItemsWithCounts) {
  for (const std::int64_t items : {50, 1'000'000}) {
    EXPECT_EQ(item_rate(config_of(ItemUpdate::counts), items), 0.1);
    EXPECT_EQ(item_rate(config_of(ItemUpdate::mean), items), 0.5 * double(items));
  }
  for (const auto rule : {ItemUpdate::counts, ItemUpdate::mean}) {
    auto config = config_of(rule);
    config.federation.lr_items = 0.0;
    EXPECT_EQ(item_rate(config, 100), 0.0);
    config.federation.lr_items = 7.0;
    EXPECT_EQ(item_rate(config, 100), 7.0);
  }
}

TEST(Rates, HaveDefaultsByFusion) {
  Config config;
  for (const auto& [fusion, head, server] :
       {std::tuple{"none", 0.3, 8.0}, std::tuple{"gfmfr", 0.3, 8.0}, std::tuple{"mlp", 0.01, 8.0},
        std::tuple{"fedvlr+gfmfr", 0.1, 8.0}, std::tuple{"group-prior", 0.3, 1.0},
        std::tuple{"mlp+group-prior", 0.01, 1.0}}) {
    config.model.fusion = fusion;
    EXPECT_EQ(head_rate(config), head) << fusion;
    EXPECT_EQ(item_server_rate(config), server) << fusion;
  }
  config.prior.use = PriorUse::soft_labels;
  EXPECT_EQ(item_server_rate(config), 8.0);
  config.federation.lr = 0.25;
  config.federation.lr_items_server = 0.5;
  EXPECT_EQ(head_rate(config), 0.25);
  EXPECT_EQ(item_server_rate(config), 0.5);
}

TEST(Rates, FallFromRoundToRound) {
  for (const auto rule : {ItemUpdate::counts, ItemUpdate::mean}) {
    auto config = config_of(rule);
    config.federation.lr_items = 4.0;
    config.federation.weight_decay = 0.25;
    const auto spec = resolve(config);
    const auto constant = rates_of(config, spec, 100, 1000);
    EXPECT_EQ(constant.lr, 0.5f);
    EXPECT_EQ(constant.lr_items, 4.0f);
    config.federation.lr_decay = 0.8;
    config.federation.lr_items_decay = 0.5;
    const auto first = rates_of(config, spec, 100, 1), fourth = rates_of(config, spec, 100, 4);
    EXPECT_EQ(first.lr, 0.5f);
    EXPECT_EQ(first.lr_items, 4.0f);
    EXPECT_FLOAT_EQ(fourth.lr, float(0.5 * 0.8 * 0.8 * 0.8));
    EXPECT_EQ(fourth.lr_items, 0.5f);
    EXPECT_EQ(fourth.decay, 0.25f);
    EXPECT_EQ(local_train::untouched_share(fourth, 2), 0.875 * 0.875);
  }
}

TEST(Rates, OfARouterThatDoesNotLearnAreNone) {
  auto config = config_of(ItemUpdate::counts);
  config.model.fusion = "fedvlr";
  for (const auto router :
       {RouterWeights::learned, RouterWeights::frozen, RouterWeights::uniform}) {
    config.fedvlr.router = router;
    const auto rates = rates_of(config, resolve(config), 100, 1);
    EXPECT_EQ(rates.router_rate(), router == RouterWeights::learned ? rates.lr : 0.0f) << router;
  }
}

// eta * M is a default that --lr-decay leaves alone.
TEST(Rates, OfItemRowsFallByTheirOwnFactorAlone) {
  auto config = config_of(ItemUpdate::mean);
  config.federation.lr_decay = 0.5;
  EXPECT_EQ(rates_of(config, resolve(config), 100, 3).lr_items, 50.0f);
}

TEST(Rates, OfAVirtualStepAreThoseOfItsBatches) {
  local_train::Rates rates;
  rates.lr_items = 0.5f;
  EXPECT_EQ(virtual_row_rate(rates, 60, 3), 0.5f);
  rates.rows_by_sum = true;
  EXPECT_EQ(virtual_row_rate(rates, 60, 3), 10.0f);
  EXPECT_EQ(virtual_row_rate(rates, 0, 0), 0.5f);  // a client without a sample
}

}  // namespace
}  // namespace fedfuse
