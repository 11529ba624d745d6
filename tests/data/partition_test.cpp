#include "data/partition.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

using Work = std::vector<std::int64_t>;

Work long_tailed(std::int64_t n) {
  const Rng rng(1, Purpose::test);
  Work work;
  for (std::int64_t u = 0; u < n; ++u)
    work.push_back(3 + std::int64_t(10 * std::exp(1.2 * rng.normal(std::uint64_t(u), 0, 0))));
  return work;
}

Work loads(const Work& work, const std::vector<std::int32_t>& rank_of, int ranks) {
  Work load(std::size_t(ranks), 0);
  for (std::size_t u = 0; u < work.size(); ++u) load.at(std::size_t(rank_of[u])) += work[u] + 1;
  return load;
}

TEST(Partition, GivesHeaviestFirstToTheIdlestRank) {
  // 9 | 5 5 | then 3: 10 against 12
  EXPECT_EQ(partition_clients(Work{3, 9, 5, 5}, 2), (std::vector<std::int32_t>{0, 0, 1, 1}));
  EXPECT_EQ(partition_clients(Work{1, 1, 1}, 1), (std::vector<std::int32_t>{0, 0, 0}));
  EXPECT_EQ(heaviest_first(Work{3, 9, 5, 5}), (std::vector<std::int32_t>{1, 2, 3, 0}));
}

TEST(Partition, BalancesALongTail) {
  const auto work = long_tailed(5000);
  for (const int ranks : {2, 3, 5, 16}) {
    const auto load = loads(work, partition_clients(work, ranks), ranks);
    const auto [least, most] = std::minmax_element(load.begin(), load.end());
    EXPECT_LE(*most - *least, 4) << ranks << " ranks";  // many light clients fill the gaps
  }
}

TEST(Partition, IsWithinItsBoundOfTheBest) {
  const Work work{7, 7, 6, 6, 5, 5, 4, 4, 4};  // + 1 each: 57 over 3 ranks
  const auto load = loads(work, partition_clients(work, 3), 3);
  EXPECT_LE(double(*std::max_element(load.begin(), load.end())), 57.0 / 3 * 4 / 3);
}

TEST(Partition, LeavesNoRankWithoutAClient) {
  for (const int ranks : {1, 2, 7, 50}) {
    Work work(50, 0);  // even when clients weigh nothing beside one
    work[20] = 1'000'000;
    const auto rank_of = partition_clients(work, ranks);
    for (int r = 0; r < ranks; ++r)
      EXPECT_NE(std::find(rank_of.begin(), rank_of.end(), r), rank_of.end())
          << r << " of " << ranks;
  }
}

TEST(Partition, TakesMoreRanksThanClients) {
  EXPECT_EQ(partition_clients(Work{5, 6}, 4), (std::vector<std::int32_t>{1, 0}));
}

}  // namespace
}  // namespace fedfuse
