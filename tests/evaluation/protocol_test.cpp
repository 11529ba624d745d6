// Which clients are evaluated, among which items, and the metrics: masks, cold items, samples,
// baselines, golden metrics.
#include "evaluation/protocol.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/h5.hpp"
#include "tests/evaluation/naive.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse {
namespace {

using test::Items;

constexpr std::int64_t clients = 61, items = 90, trained = 71;

// Integer scores: many ties.
std::vector<double> scores_of(std::int64_t row) {
  const Rng rng(8, Purpose::test);
  RngStream stream(rng, std::uint64_t(row), 0);
  std::vector<double> s;
  for (std::int64_t i = 0; i < items; ++i) s.push_back(double(stream.below(40)));
  return s;
}

struct Rows {
  explicit Rows(const Comm& comm)
      : data(test::make_data(clients, items, trained, comm)), scores(4, items) {
    for (std::int64_t r = 0; r < 4; ++r) std::ranges::copy(scores_of(r), scores.row(r));
    for (const auto id : data.client_ids) row.push_back(id % 5 == 4 ? -1 : id % 5);
  }
  Dataset data;
  Matrix<float> scores;
  std::vector<std::int32_t> row;
};

Evaluation evaluate_rows_on(const Comm& comm, const EvaluationProtocol& protocol) {
  const Rows rows(comm);
  return evaluate_rows(rows.scores, rows.row, rows.data, protocol, comm);
}

struct NaiveRows {
  Rows rows{Comm::self()};
  test::NaiveProtocol protocol{
      [](std::int64_t u) { return scores_of(u % 5); },
      [this](std::int64_t u, bool at_test) { return test::full_candidates(rows.data, u, at_test); },
      [](std::int64_t u, bool) { return u % 5 != 4; }};
  Evaluation evaluation() { return test::naive_evaluation(rows.data, protocol); }
  bool cold(std::int32_t item) const { return rows.data.popularity[std::size_t(item)] == 0; }
};

TEST(ScoreRows, LikeTheNaiveForm) {
  NaiveRows naive;
  const auto want = naive.evaluation();
  EXPECT_GT(want.test.cold.clients, 0);
  EXPECT_GT(want.valid.warm.clients, 0);
  test::expect_equal(evaluate_rows_on(Comm::world(), {}), want, 1e-9);
}

TEST(ScoreRows, ColdItemsExcluded) {
  NaiveRows naive;
  naive.protocol.candidates = [&](std::int64_t u, bool at_test) {
    auto allowed = test::full_candidates(naive.rows.data, u, at_test);
    std::erase_if(allowed, [&](std::int32_t i) { return naive.cold(i); });
    return allowed;
  };
  naive.protocol.evaluated = [&](std::int64_t u, bool at_test) {
    return u % 5 != 4 &&
           !naive.cold((at_test ? naive.rows.data.test : naive.rows.data.valid)[std::size_t(u)]);
  };
  auto want = naive.evaluation();
  for (std::size_t u = 0; u < std::size_t(clients); ++u)
    for (const auto held : {naive.rows.data.valid[u], naive.rows.data.test[u]})
      want.skipped_cold += held >= 0 && naive.cold(held);
  EXPECT_EQ(want.test.cold.clients, 0);
  EXPECT_GT(want.skipped_cold, 0);
  EvaluationProtocol protocol;
  protocol.exclude_cold = true;
  test::expect_equal(evaluate_rows_on(Comm::world(), protocol), want, 1e-9);
}

// R12: the n clients with the smallest keys among those with something held out, on any number of
// ranks.
TEST(Schedule, SampleOfClients) {
  const auto world = Comm::world();
  const auto all = test::make_data(clients, items, trained, Comm::self()),
             mine = test::make_data(clients, items, trained, world);
  const Rng rng(9, Purpose::evaluation);
  for (const std::int64_t n : {1, 13, 54, 55, 1000}) {
    std::vector<std::pair<std::uint64_t, std::int64_t>> keys;
    for (std::int64_t u = 0; u < clients; ++u)
      if (all.test[std::size_t(u)] >= 0) keys.emplace_back(rng.bits(std::uint64_t(u), 0, 0), u);
    std::ranges::sort(keys);
    keys.resize(std::min(keys.size(), std::size_t(n)));
    EvaluationProtocol protocol;
    protocol.seed = 9;
    protocol.clients = n;
    const auto plan = schedule(mine, protocol, world);
    EXPECT_EQ(world.sum(std::int64_t(plan.order.size())), std::int64_t(keys.size()));
    for (const auto local : plan.order) {
      const auto id = mine.client_ids[std::size_t(local)];
      EXPECT_TRUE(std::ranges::any_of(keys, [&](const auto& k) { return k.second == id; })) << id;
    }
  }
}

TEST(Candidates, DistinctAllowedAndUniform) {
  const auto data = test::make_data(600, items, trained, Comm::self());
  for (const std::int64_t count : {7, 30, 60, 89}) {
    EvaluationProtocol protocol;
    protocol.sampled_candidates = count;
    const auto plan = schedule(data, protocol, Comm::self());
    std::vector<double> drawn(std::size_t(items), 0.0), expected(std::size_t(items), 0.0);
    for (const auto u : plan.order) {
      Items allowed = test::full_candidates(data, u, true);
      allowed.erase(data.test[std::size_t(u)]);
      const auto sample = sampled_candidates(data, plan, u, protocol);
      EXPECT_EQ(Items(sample.begin(), sample.end()).size(),
                std::min(std::size_t(count), allowed.size()));
      for (const auto i : sample) {
        EXPECT_TRUE(allowed.contains(i));
        ++drawn[std::size_t(i)];
      }
      for (const auto i : allowed)
        expected[std::size_t(i)] += double(sample.size()) / double(allowed.size());
    }
    for (std::size_t i = 0; i < std::size_t(items); ++i)
      EXPECT_NEAR(drawn[i], expected[i], 5 * std::sqrt(expected[i]) + 1) << "item " << i;
  }
}

TEST(ScoreRows, SampledCandidatesLikeTheNaiveForm) {
  NaiveRows naive;
  EvaluationProtocol protocol;
  protocol.seed = 4;
  protocol.sampled_candidates = 25;
  const auto plan = schedule(naive.rows.data, protocol, Comm::self());
  naive.protocol.candidates = [&](std::int64_t u, bool) {
    const auto sample = sampled_candidates(naive.rows.data, plan, u, protocol);
    return Items(sample.begin(), sample.end());
  };
  test::expect_equal(evaluate_rows_on(Comm::world(), protocol), naive.evaluation(), 1e-9);
}

TEST(ScoreRows, ScoresThatAreNotNumbersNeverWin) {
  Rows rows(Comm::self());
  for (auto& x : rows.scores.values) x = std::numeric_limits<float>::quiet_NaN();
  const auto e = evaluate_rows(rows.scores, rows.row, rows.data, {}, Comm::self());
  EXPECT_EQ(e.test.all.hr[2], 0.0);
}

TEST(Baselines, PopularityAndColdFirst) {
  NaiveRows naive;
  naive.protocol.evaluated = [](std::int64_t, bool) { return true; };
  const auto& popularity = naive.rows.data.popularity;
  std::vector<double> popular(popularity.begin(), popularity.end());
  auto cold_first = popular;
  for (auto& x : cold_first) x = x == 0 ? 1e9 : x;
  const auto world = Comm::world();
  const auto got = evaluate_baselines(test::make_data(clients, items, trained, world), {}, world);
  naive.protocol.scores = [&](std::int64_t) { return popular; };
  test::expect_equal(got.popularity, naive.evaluation(), 1e-9);
  naive.protocol.scores = [&](std::int64_t) { return cold_first; };
  test::expect_equal(got.cold_first, naive.evaluation(), 1e-9);
}

// Scores, masks and metrics of the oracle, through evaluate_rows: dropped items are the client's
// positives.
TEST(ScoreRows, ReproducesTheGoldenMetrics) {
  FEDFUSE_REQUIRE_GOLDENS();
  const auto file = h5::File::open(test::goldens_path());
  const auto scores = file.read_matrix<float>("ranks/in/scores");
  const auto dropped = file.read_matrix<std::uint8_t>("ranks/in/dropped");
  const auto held = file.read_all<std::int64_t>("ranks/in/held_out");
  Dataset data;
  data.clients = scores.rows;
  data.items = scores.cols;
  data.popularity.assign(std::size_t(scores.cols), 1);
  data.offsets = {0};
  std::vector<std::int32_t> row;
  for (std::int64_t u = 0; u < scores.rows; ++u) {
    for (std::int64_t i = 0; i < scores.cols; ++i)
      if (dropped(u, i) != 0) data.train.push_back(std::int32_t(i));
    data.offsets.push_back(std::int64_t(data.train.size()));
    data.client_ids.push_back(std::int32_t(u));
    row.push_back(std::int32_t(u));
    data.heaviest_first.push_back(std::int32_t(u));
    data.valid.push_back(-1);
    data.test.push_back(std::int32_t(held[std::size_t(u)]));
  }
  const auto got = evaluate_rows(scores, row, data, {}, Comm::self());
  EXPECT_EQ(got.test.all.clients, scores.rows);
  EXPECT_EQ(got.valid.all.clients, 0);
  for (std::size_t k = 0; k < cutoffs.size(); ++k) {
    EXPECT_NEAR(got.test.all.hr[k],
                file.read_all<double>("ranks/out/hr_" + std::to_string(cutoffs[k]))[0], 1e-10);
    EXPECT_NEAR(got.test.all.ndcg[k],
                file.read_all<double>("ranks/out/ndcg_" + std::to_string(cutoffs[k]))[0], 1e-9);
  }
}

TEST(Protocol, FromTheConfig) {
  Config config;
  config.federation.seed = 12;
  config.evaluation.clients = 500;
  config.evaluation.candidates = {Candidates::Kind::sampled, 99};
  config.evaluation.cold_items = ColdItems::exclude;
  const auto p = evaluation_protocol(config.evaluation, config.federation.seed);
  EXPECT_EQ(p.seed, 12u);
  EXPECT_EQ(p.clients, 500);
  EXPECT_EQ(p.sampled_candidates, 99);
  EXPECT_TRUE(p.exclude_cold);
  EXPECT_EQ(evaluation_protocol({}, 0).sampled_candidates, 0);
}

TEST(Metrics, AnyCutoffs) {
  const auto data = test::make_data(3, items, trained, Comm::self());
  LocalRanks ranks;
  ranks.of_client = {{1, 5}, {0, 6}, {7, 100}};
  const std::vector<int> at{1, 5, 1000};
  const auto m = metrics_at(ranks, data, at, Comm::self());
  EXPECT_EQ(m.valid.all.clients, 2);
  EXPECT_EQ(m.valid.all.hr, (std::vector<double>{0.5, 0.5, 1.0}));
  EXPECT_EQ(m.test.all.hr, (std::vector<double>{0, 1.0 / 3, 1}));
  EXPECT_NEAR(m.test.all.ndcg[1], 1 / std::log2(6.0) / 3, 1e-9);
}

}  // namespace
}  // namespace fedfuse
