// evaluation/kinds: the metrics of a kind are those of its clients alone.
#include "evaluation/kinds.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/evaluate.hpp"
#include "tests/evaluation/naive.hpp"

namespace fedfuse {
namespace {

TEST(Kinds, AreTheMetricsOfTheirClientsAlone) {
  const auto world = Comm::world();
  const auto data = test::make_data(29, 83, 70, world);
  Config config;
  config.model.backbone = "fcf";
  config.model.fusion = "none";
  config.model.dim = 8;
  const auto f = test::make_federation(config, data);
  const auto ranks = evaluate_ranks(f.spec, f.global, f.state, data, {}, world);
  std::vector<std::int32_t> kind;
  for (const auto id : data.client_ids) kind.push_back(id % 5 == 0 ? 0 : 2);  // nobody has 1
  const auto of = metrics_of_kinds(ranks, data, kind, 3, world);
  ASSERT_EQ(of.size(), 3u);

  auto first = data;  // as if the others had nothing held out
  for (std::size_t u = 0; u < kind.size(); ++u)
    if (kind[u] != 0) first.valid[u] = first.test[u] = -1;
  const auto alone = evaluate(f.spec, f.global, f.state, first, {}, world);
  EXPECT_GT(alone.test.all.clients, 0);
  EXPECT_EQ(of[0].test.all.clients, alone.test.all.clients);
  EXPECT_EQ(of[0].test.all.hr, alone.test.all.hr);
  EXPECT_EQ(of[0].valid.all.ndcg, alone.valid.all.ndcg);

  EXPECT_EQ(of[1].test.all.clients, 0);
  EXPECT_TRUE(std::isnan(of[1].test.all.hr[2]));
  const auto all = metrics(ranks, data, world);
  EXPECT_EQ(of[0].test.all.clients + of[2].test.all.clients, all.test.all.clients);
  EXPECT_NEAR(of[0].test.all.hr[2] * double(of[0].test.all.clients) +
                  of[2].test.all.hr[2] * double(of[2].test.all.clients),
              all.test.all.hr[2] * double(all.test.all.clients), 1e-9);
}

}  // namespace
}  // namespace fedfuse
