// server/place_of_all against a sort of all ranks' places.
#include "server/place_of_all.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

// Dealt unevenly, so that a rank may have none.
std::vector<Place> part_of(const std::vector<Place>& all, const Comm& comm) {
  std::vector<Place> mine;
  for (const auto& place : all)
    if (int(place.id * place.id % 5) % comm.size() == comm.rank()) mine.push_back(place);
  return mine;
}

void expect_sorted(std::vector<Place> all) {
  const auto comm = Comm::world();
  const auto mine = part_of(all, comm);
  std::ranges::sort(all);
  for (std::size_t k = 1; k <= all.size(); ++k)
    ASSERT_EQ(kth_of_all(mine, std::int64_t(k), comm), all[k - 1]) << k;
}

TEST(PlaceOfAll, IsThatOfASort) {
  const Rng rng(1, Purpose::test);
  std::vector<Place> wide, ties, equal;
  for (std::uint32_t id = 0; id < 120; ++id) {
    wide.push_back({rng.bits(id, 0, 0), id * 40000000u % 4000000007u});
    ties.push_back({rng.bits(id, 1, 0) % 7 * 1000, 119 - id});
    equal.push_back({0, id * 3});
  }
  wide.push_back({~std::uint64_t(0), ~std::uint32_t(0)});
  expect_sorted(wide);
  expect_sorted(ties);
  expect_sorted(equal);
}

}  // namespace
}  // namespace fedfuse
