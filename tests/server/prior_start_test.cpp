// Groups by behaviour: planted groups are found, and no split of the clients changes one.
#include "server/prior_start.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/rng.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t items = 90, clients = 200;

// Three kinds of items around three directions; a client likes one kind.
Matrix<float> planted_features() {
  const Rng rng(4, Purpose::test);
  Matrix<float> Z(items, 12);
  for (std::int64_t i = 0; i < items; ++i)
    for (std::int64_t k = 0; k < Z.cols; ++k)
      Z(i, k) = float(0.1 * rng.normal(std::uint64_t(i), 0, std::uint32_t(k))) +
                (k == i % 3 ? 1.0f : 0.0f);
  return Z;
}

// Clients [first, end) of 200; every 20th client has no interactions.
Dataset clients_of(std::int64_t first, std::int64_t end) {
  const Rng rng(5, Purpose::test);
  Dataset data;
  data.items = items;
  data.clients = clients;
  data.offsets.push_back(0);
  for (std::int64_t u = first; u < end; ++u) {
    data.client_ids.push_back(std::int32_t(u));
    std::set<std::int32_t> liked;
    RngStream words(rng, std::uint64_t(u), 0);
    while (u % 20 != 7 && liked.size() < 6)
      liked.insert(std::int32_t(3 * words.below(items / 3)) + std::int32_t(u % 3));
    data.train.insert(data.train.end(), liked.begin(), liked.end());
    data.offsets.push_back(std::int64_t(data.train.size()));
  }
  return data;
}

Dataset local_clients(const Comm& comm) {
  const BlockSplit split{clients, comm.size()};
  return clients_of(split.first(comm.rank()), split.first(comm.rank() + 1));
}

TEST(PriorStart, FindsWhatWasPlanted) {
  // with more centres than kinds every kind has one
  const auto group =
      behaviour_start(planted_features(), clients_of(0, clients), 8, 0, Comm::self());
  std::map<std::int32_t, std::set<std::int64_t>> kinds;
  std::set<std::int64_t> found;
  for (std::int64_t u = 0; u < clients; ++u) {
    const auto g = group[std::size_t(u)];
    EXPECT_GE(g, 0);
    EXPECT_LT(g, 8);
    if (u % 20 == 7) continue;
    kinds[g].insert(u % 3);
  }
  for (const auto& [g, of_group] : kinds) EXPECT_EQ(of_group.size(), 1u) << g;
  EXPECT_GE(kinds.size(), 3u);
}

TEST(PriorStart, RanksAndThreadsDoNotChangeABit) {
  const auto Z = planted_features();
  const auto world = Comm::world();
  for (const std::int64_t groups : {1, 5, 130}) {  // of 90 items: some centres are drawn
    const auto alone = behaviour_start(Z, clients_of(0, clients), groups, 3, Comm::self());
    for (const int threads : {1, 2}) {
      const test::Threads scope(threads);
      const auto mine = behaviour_start(Z, local_clients(world), groups, 3, world);
      EXPECT_EQ(world.all_gather<std::int32_t>(mine), alone);
    }
  }
  EXPECT_NE(behaviour_start(Z, clients_of(0, clients), 5, 4, Comm::self()),
            behaviour_start(Z, clients_of(0, clients), 5, 3, Comm::self()));
}

// A client without interactions is drawn a group; not all of them the same.
TEST(PriorStart, ClientsWithoutAProfileAreDealtOut) {
  const auto group =
      behaviour_start(planted_features(), clients_of(0, clients), 5, 0, Comm::self());
  std::set<std::int32_t> drawn;
  for (std::int64_t u = 7; u < clients; u += 20) drawn.insert(group[std::size_t(u)]);
  EXPECT_GT(drawn.size(), 1u);
  const auto none =
      behaviour_start(Matrix<float>(items, 12), clients_of(0, clients), 5, 0, Comm::self());
  EXPECT_EQ(std::set<std::int32_t>(none.begin(), none.end()).size(), 5u);
}

}  // namespace
}  // namespace fedfuse
