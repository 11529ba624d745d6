// server/prior_sums: what clients send to the group prior's teacher, against sums in double.
#include "server/prior_sums.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t groups = 4;

// A client's shares depend on its id only: the same on any rank.
Matrix<float> drawn_shares(const Dataset& data) {
  const Rng rng(9, Purpose::test);
  Matrix<float> shares(data.local_clients(), groups);
  for (std::int64_t u = 0; u < data.local_clients(); ++u) {
    const auto id = std::uint64_t(data.client_ids[std::size_t(u)]);
    float sum = 0;
    for (std::int64_t l = 0; l < groups; ++l)
      sum += shares(u, l) = float(rng.uniform(id, 0, std::uint32_t(l)));
    for (std::int64_t l = 0; l < groups; ++l) shares(u, l) /= sum;
  }
  return shares;
}

std::vector<std::int32_t> every_second(const Dataset& data) {
  std::vector<std::int32_t> local;
  for (std::size_t u = 0; u < data.client_ids.size(); ++u)
    if (data.client_ids[u] % 2 == 0) local.push_back(std::int32_t(u));
  return local;
}

PriorSums summed(const Dataset& data, const Comm& comm) {
  PriorSums sums(data.items, groups, data.clients);
  sums.add(every_second(data), data, drawn_shares(data));
  sums.reduce(comm);
  return sums;
}

TEST(PriorSums, AddSharesOfThePositivesOfParticipants) {
  const test::SmallData small;
  const auto data = small.alone();
  const auto shares = drawn_shares(data);
  const auto sums = summed(data, Comm::self());
  Matrix<double> expected(data.items, groups);
  std::vector<double> mass(groups, 0.0);
  for (const auto u : every_second(data)) {
    const auto items = data.positives(u);
    for (std::int64_t l = 0; l < groups; ++l) {
      mass[std::size_t(l)] += double(shares(u, l));
      for (const auto i : items)
        expected(i, l) += double(shares(u, l)) / std::sqrt(double(items.size()));
    }
  }
  const auto got = sums.sums();
  for (std::int64_t i = 0; i < data.items; ++i)
    for (std::int64_t l = 0; l < groups; ++l) EXPECT_NEAR(got(i, l), expected(i, l), 1e-5);
  for (std::int64_t l = 0; l < groups; ++l)
    EXPECT_NEAR(sums.mass()[std::size_t(l)], mass[std::size_t(l)], 1e-6);
}

TEST(PriorSums, HaveTheSameBitsForAnyRanks) {
  const test::SmallData small;
  const auto world = Comm::world();
  const auto alone = summed(small.alone(), Comm::self());
  const auto shared = summed(small.together(world), world);
  EXPECT_TRUE(alone.sums() == shared.sums());
  EXPECT_EQ(alone.mass(), shared.mass());
}

}  // namespace
}  // namespace fedfuse
