// server/round under attack and with a defence: the same bits for any ranks and threads; the row
// median against a sort of all rows; exposure against a naive ranking.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "clients/attackers.hpp"
#include "core/text.hpp"
#include "evaluation/exposure.hpp"
#include "server/federation.hpp"
#include "tests/server/model_after.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::after;

Config attacked(Attack kind, Defence defence, const std::string& fusion = "none",
                ItemUpdate rule = ItemUpdate::counts) {
  auto config = test::small_config("fedncf", fusion, rule);
  config.model.head = HeadKind::linear;
  config.federation.weight_decay = 0;
  config.attack.kind = kind;
  config.attack.share = 0.2;
  config.attack.boost = 5;
  config.attack.defence = defence;
  config.attack.trim = 0.25;
  return config;
}

TEST(RoundAttack, SameBitsForAnyRanksThreadsAndUploads) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& [kind, defence, fusion] :
       {std::tuple{Attack::none, Defence::row_median, "fedvlr"},
        {Attack::boost_item, Defence::none, "none"},
        {Attack::boost_item, Defence::row_median, "none"},
        {Attack::sign_flip, Defence::row_trimmed, "fedvlr"},
        {Attack::label_flip, Defence::none, "none"},
        {Attack::gaussian, Defence::none, "fedvlr"}}) {
    const auto config = attacked(kind, defence, fusion);
    EXPECT_TRUE(after(config, alone, self, 1) == after(config, shared, world, 2))
        << kind << " " << defence << " " << fusion;
  }
  // the second pass sees what the first one did
  for (const auto kind : {Attack::boost_item, Attack::sign_flip}) {
    auto config = attacked(kind, Defence::none, "gfmfr");
    config.execution.uploads = UploadMode::store;
    const auto one = after(config, alone, self, 1);
    config.execution.uploads = UploadMode::replay;
    EXPECT_TRUE(one == after(config, shared, world, 2)) << kind;
  }
}

TEST(RoundAttack, TheMedianRowIsThatOfTheClientsThatTouchedIt) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto rule : {ItemUpdate::counts, ItemUpdate::mean}) {
    const auto config = attacked(Attack::none, Defence::row_median, "none", rule);
    const auto spec = resolve(config);
    Federation federation(config, data, Comm::self(), 1);
    const auto before = federation.global();
    const auto local = sample_participants(config, data, 1);
    std::vector<std::vector<std::vector<double>>> values(
        std::size_t(data.items), std::vector<std::vector<double>>(std::size_t(spec.view_width)));
    const Sampler sampler(config, data);
    LocalTrainer trainer(config, spec, data, sampler);
    for (const auto u : local) {
      const auto& update = trainer.train(u, 1, before, federation.state(), {});
      for (std::size_t s = 0; s < update.items.size(); ++s)
        for (int k = 0; k < spec.view_width; ++k)
          values[std::size_t(update.items[s])][std::size_t(k)].push_back(
              update.rows[s * std::size_t(spec.view_width) + std::size_t(k)]);
    }
    federation.run_round(1);
    const auto& table = federation.global().views.front();
    for (std::int64_t i = 0; i < data.items; ++i)
      for (int k = 0; k < spec.view_width; ++k) {
        auto& v = values[std::size_t(i)][std::size_t(k)];
        std::ranges::sort(v);
        const auto n = v.size();
        const double median = n == 0 ? 0 : (v[(n - 1) / 2] + v[n / 2]) / 2;
        const double rate = rule == ItemUpdate::counts ? config.federation.lr_items_server
                                                       : double(n) / double(local.size());
        EXPECT_NEAR(table(i, k), before.views.front()(i, k) + rate * median, 1e-6);
      }
  }
}

TEST(Exposure, IsTheShareOfANaiveRanking) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  auto config = attacked(Attack::boost_item, Defence::none);
  config.attack.boost = 50;
  const auto spec = resolve(config);
  Federation federation(config, alone, Comm::self(), 1);
  Federation many(config, shared, world, 1);
  federation.run_round(1);
  many.run_round(1);
  const auto target = attacked_item(config, alone);
  const auto& table = federation.global().views.front();
  const auto& theta = federation.global().theta;
  std::array<double, cutoffs.size()> hits{};
  double clients = 0;
  for (std::int64_t u = 0; u < alone.local_clients(); ++u) {
    const auto positives = alone.positives(u);
    if (is_attacker(config, alone.client_ids[std::size_t(u)]) ||
        std::ranges::binary_search(positives, target))
      continue;
    ++clients;
    const auto score = [&](std::int64_t i) {
      double s = 0;
      for (std::int64_t k = 0; k < table.cols; ++k)
        s += double(table(i, k)) * double(theta[std::size_t(k)]);
      return s;
    };
    int rank = 1;
    for (std::int64_t i = 0; i < alone.items; ++i)
      if (i != target && !std::ranges::binary_search(positives, std::int32_t(i)) &&
          score(i) > score(target))
        ++rank;
    for (std::size_t c = 0; c < cutoffs.size(); ++c) hits[c] += rank <= cutoffs[c] ? 1 : 0;
  }
  const auto rates = Exposure(config, alone)
                         .rates(spec, federation.global(), federation.state(), {}, Comm::self());
  ASSERT_GT(clients, 10);
  for (std::size_t c = 0; c < cutoffs.size(); ++c)
    EXPECT_NEAR(rates[c], hits[c] / clients, 1e-9) << cutoffs[c];
  EXPECT_EQ(rates, Exposure(config, shared).rates(spec, many.global(), many.state(), {}, world));
}

}  // namespace
}  // namespace fedfuse
