// The ring of mask partners, and the sizes that are safe.
#include "secure/graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

std::vector<Invited> clients(int n, int every_gone) {
  std::vector<Invited> all;
  for (int u = 0; u < n; ++u)
    all.push_back({3 * u + 1, every_gone > 0 && u % every_gone == 0 ? 0 : 1});
  return all;
}

std::set<std::int32_t> partners(const MaskGraph& graph, std::int32_t id) {
  std::set<std::int32_t> found;
  for (int n = 0; n < graph.degree(); ++n)
    found.insert(graph.at(graph.neighbour(graph.place_of(id), n)).id);
  return found;
}

TEST(MaskGraph, EveryoneHasAsManyPartnersAndIsTheirs) {
  for (const auto& [n, degree] : {std::pair{3, 2}, {5, 4}, {60, 14}, {61, 60}}) {
    const MaskGraph graph(clients(n, 0), degree, 1, 2);
    for (int u = 0; u < n; ++u) {
      const std::int32_t id = 3 * u + 1;
      EXPECT_EQ(graph.at(graph.place_of(id)).id, id);
      const auto mine = partners(graph, id);
      EXPECT_EQ(int(mine.size()), degree);
      EXPECT_FALSE(mine.contains(id));
      for (const auto other : mine) EXPECT_TRUE(partners(graph, other).contains(id));
    }
  }
}

TEST(MaskGraph, TheOrderOfTheListChangesNothingAndTheRoundDoes) {
  auto list = clients(60, 7);
  const MaskGraph one(list, 8, 1, 2);
  std::ranges::reverse(list);
  const MaskGraph other(list, 8, 1, 2), later(list, 8, 1, 3);
  int moved = 0;
  for (std::int64_t place = 0; place < 60; ++place) {
    EXPECT_EQ(one.at(place).id, other.at(place).id);
    EXPECT_EQ(one.at(place).came, other.at(place).came);
    moved += one.at(place).id != later.at(place).id ? 1 : 0;
  }
  EXPECT_GT(moved, 50);
}

TEST(MaskGraph, CountsWhoIsLeft) {
  for (const int degree : {2, 6, 20, 58})
    for (const int every : {0, 2, 3, 10}) {
      const MaskGraph graph(clients(60, every), degree, 5, 1);
      int fewest = degree;
      for (std::int64_t place = 0; place < 60; ++place) {
        int left = 0;
        for (int n = 0; n < degree; ++n) left += graph.at(graph.neighbour(place, n)).came;
        fewest = std::min(fewest, left);
      }
      EXPECT_EQ(graph.fewest_left(), fewest) << degree << " " << every;
      EXPECT_EQ(graph.gone(), every > 0 ? (60 + every - 1) / every : 0);
    }
}

TEST(MaskGraph, AnOddOrTooLargeDegreeIsRefused) {
  EXPECT_ANY_THROW(MaskGraph(clients(10, 0), 3, 1, 1));
  EXPECT_ANY_THROW(MaskGraph(clients(10, 0), 10, 1, 1));
  EXPECT_ANY_THROW(MaskGraph(clients(10, 0), 0, 1, 1));
}

// By exact binomial sums in whole numbers (Python's fractions).
TEST(GraphSize, IsTheSmallestThatIsSafe) {
  struct Known {
    std::int64_t clients;
    double corrupt, gone;
    int degree, threshold;
  };
  for (const auto& k : {Known{1000, 0.05, 0.05, 36, 19}, Known{1000, 0.1, 0.3, 118, 45},
                        Known{1000, 0.2, 0.3, 194, 89}, Known{10000, 0.05, 0.05, 38, 21},
                        Known{10000, 0.1, 0.3, 126, 48}, Known{1000000, 0.05, 0.05, 44, 23},
                        Known{1000000, 0.1, 0.3, 142, 54}, Known{1000000, 0.2, 0.3, 240, 109}}) {
    const auto size = smallest_graph(k.clients, k.corrupt, k.gone);
    ASSERT_TRUE(size.has_value());
    EXPECT_EQ(size->degree, k.degree) << k.clients << " " << k.corrupt << " " << k.gone;
    EXPECT_EQ(size->threshold, k.threshold) << k.clients << " " << k.corrupt << " " << k.gone;
  }
  EXPECT_FALSE(smallest_graph(30, 0.05, 0.05).has_value());
  EXPECT_FALSE(smallest_graph(1000, 0.5, 0.5).has_value());
  const auto none = smallest_graph(1000, 0, 0);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->degree, 2);
}

}  // namespace
}  // namespace fedfuse
