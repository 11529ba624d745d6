// clients/sampler: the participants and their samples, as pure functions of (seed, round, client).
#include "clients/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

std::set<std::int32_t> ids_of(const Dataset& data, const std::vector<std::int32_t>& local) {
  std::set<std::int32_t> ids;
  for (const auto u : local) ids.insert(data.client_ids[std::size_t(u)]);
  return ids;
}

TEST(Sampler, ParticipantsAreTheSameForAnyNumberOfRanks) {
  const auto comm = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(comm);
  // 40 clients: 0.0125 and 0.0375 of them are half and one and a half
  for (const double fraction : {0.3, 1.0, 1e-6, 0.0124, 0.0125, 0.0375, 0.3374, 0.99})
    for (const std::int64_t round : {1, 2, 9}) {
      Config config;
      config.federation.fraction = fraction;
      const auto all = ids_of(alone, sample_participants(config, alone, round));
      EXPECT_EQ(std::int64_t(all.size()), participants_of_round(config.federation, 40)) << fraction;
      const auto mine = ids_of(shared, sample_participants(config, shared, round));
      for (const auto id : shared.client_ids)
        EXPECT_EQ(mine.contains(id), all.contains(id)) << "client " << id;
    }
  Config config;
  config.federation.fraction = 0.3;
  EXPECT_NE(ids_of(alone, sample_participants(config, alone, 1)),
            ids_of(alone, sample_participants(config, alone, 2)));
}

TEST(Sampler, PoissonDrawsEachClientByItself) {
  const auto comm = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(comm);
  Config config;
  config.federation.sampling = Sampling::poisson;
  config.federation.fraction = 0.3;
  constexpr std::int64_t rounds = 2000;
  double total = 0, squares = 0, together = 0;
  for (std::int64_t round = 1; round <= rounds; ++round) {
    const auto all = ids_of(alone, sample_participants(config, alone, round));
    const auto mine = ids_of(shared, sample_participants(config, shared, round));
    for (const auto id : shared.client_ids)
      ASSERT_EQ(mine.contains(id), all.contains(id)) << "client " << id;
    total += double(all.size());
    squares += double(all.size() * all.size());
    together += all.contains(0) && all.contains(1) ? 1 : 0;
  }
  const double mean = total / rounds, variance = squares / rounds - mean * mean;
  EXPECT_NEAR(mean, 12, 5 * std::sqrt(8.4 / rounds));
  EXPECT_NEAR(variance, 40 * 0.3 * 0.7, 5 * 8.4 * std::sqrt(2.0 / rounds));
  EXPECT_NEAR(together / rounds, 0.09, 5 * std::sqrt(0.09 / rounds));
  config.federation.fraction = 1.0;
  EXPECT_EQ(sample_participants(config, alone, 1).size(), alone.client_ids.size());
}

TEST(Sampler, NegativesKeepToTheirProtocol) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto protocol : {Negatives::own_train, Negatives::own_all, Negatives::trained_items}) {
    Config config;
    config.federation.negatives = protocol;
    const Sampler sampler(config, data);
    Samples s;
    bool held_out_drawn = false, cold_drawn = false;
    for (std::int64_t round = 1; round <= 40; ++round)
      for (std::int64_t u = 0; u < data.local_clients(); ++u) {
        sampler.draw(u, round, s);
        const auto positives = data.positives(u);
        for (std::size_t e = 0; e < s.slot.size(); ++e) {
          const auto item = s.items[std::size_t(s.slot[e])];
          ASSERT_EQ(std::ranges::binary_search(positives, item), s.label[e] == 1.0f) << protocol;
          if (s.label[e] == 1.0f) continue;
          held_out_drawn |= item == data.valid[std::size_t(u)] || item == data.test[std::size_t(u)];
          cold_drawn |= data.popularity[std::size_t(item)] == 0;
        }
      }
    EXPECT_EQ(held_out_drawn, protocol != Negatives::own_all) << protocol;
    EXPECT_TRUE(protocol != Negatives::trained_items || !cold_drawn);
  }
}

// The lowest of what the client never interacts with, in every round; where they are fewer than
// wanted they come again in their order.
TEST(Sampler, LowestIdsAreTheFirstItemsThatAClientDoesNotHave) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const std::int64_t q : {1, 30}) {
    Config config;
    config.federation.negatives = Negatives::lowest_ids;
    config.federation.negatives_per_positive = q;
    config.federation.local_epochs = 1;
    const Sampler sampler(config, data);
    Samples s;
    for (std::int64_t u = 0; u < data.local_clients(); ++u) {
      const auto positives = data.positives(u);
      std::vector<std::int32_t> free;
      for (std::int32_t i = 0; i < data.items; ++i)
        if (!std::ranges::binary_search(positives, i) && i != data.valid[std::size_t(u)] &&
            i != data.test[std::size_t(u)])
          free.push_back(i);
      std::map<std::int32_t, int> expected, got;
      const auto wanted = positives.size() * std::size_t(q);
      for (std::size_t k = 0; k < wanted; ++k) ++expected[free[k % free.size()]];
      for (const std::int64_t round : {1, 7}) {
        sampler.draw(u, round, s);
        got.clear();
        for (std::size_t e = 0; e < s.slot.size(); ++e)
          if (s.label[e] == 0.0f) ++got[s.items[std::size_t(s.slot[e])]];
        EXPECT_EQ(got, expected) << "client " << u << ", round " << round;
      }
    }
  }
}

// The order of a batch that is a whole epoch changes nothing, so there is none.
TEST(Sampler, AnEpochOfOneBatchStandsBySlot) {
  const test::SmallData small;
  const auto data = small.alone();
  Config config;
  config.federation.local_epochs = 2;
  config.federation.batch = 4096;
  config.federation.negatives_per_positive = 30;  // more than there are items: some come again
  const Sampler sampler(config, data);
  Samples s;
  sampler.draw(5, 4, s);
  const auto positives = data.positives(5);
  const auto n = positives.size() * 31;
  ASSERT_TRUE(sampler.rules().one_batch(std::int64_t(n)));
  ASSERT_EQ(s.slot.size(), 2 * n);
  EXPECT_LT(s.items.size(), n);
  EXPECT_TRUE(std::is_sorted(s.slot.begin(), s.slot.begin() + long(n)));
  EXPECT_TRUE(std::equal(s.slot.begin(), s.slot.begin() + long(n), s.slot.begin() + long(n)));
  EXPECT_EQ(s.begin, (std::vector<std::int32_t>{0, std::int32_t(n), std::int32_t(2 * n)}));
  for (std::size_t k = 0; k < 2 * n; ++k)
    EXPECT_EQ(s.label[k],
              float(std::ranges::binary_search(positives, s.items[std::size_t(s.slot[k])])));
}

TEST(Sampler, EveryEpochIsAPermutationOfTheSameSamples) {
  const test::SmallData small;
  const auto data = small.alone();
  Config config;
  config.federation.batch = 7;
  config.federation.local_epochs = 3;
  config.federation.negatives_per_positive = 2;
  const Sampler sampler(config, data);
  Samples s, again;
  sampler.draw(5, 4, s);
  const auto n = data.positives(5).size() * 3;
  ASSERT_EQ(s.slot.size(), 3 * n);
  const auto epoch = [&](std::size_t e) {
    std::map<std::pair<int, float>, int> counts;
    for (std::size_t i = e * n; i < (e + 1) * n; ++i) ++counts[{s.slot[i], s.label[i]}];
    return counts;
  };
  EXPECT_EQ(epoch(0), epoch(1));
  EXPECT_EQ(epoch(0), epoch(2));
  EXPECT_FALSE(std::equal(s.slot.begin(), s.slot.begin() + long(n), s.slot.begin() + long(n)));
  for (std::size_t k = 0; k + 1 < s.begin.size(); ++k) EXPECT_LE(s.begin[k + 1] - s.begin[k], 7);
  EXPECT_TRUE(std::ranges::is_sorted(s.items));
  sampler.draw(6, 4, again);  // another client in between changes nothing
  sampler.draw(5, 4, again);
  EXPECT_EQ(s.slot, again.slot);
  sampler.draw(5, 5, again);
  EXPECT_NE(s.items, again.items);  // drawn anew each round
}

}  // namespace
}  // namespace fedfuse
