// aggregation/row_sum: vectors in fixed point, the same bits in any order, in parts, on any number
// of threads and ranks (R7); rows that were added up elsewhere.
#include "aggregation/row_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using test::Threads;

TEST(FixedSum, SameBitsForAnyRanksThreadsAndOrder) {
  const auto world = Comm::world();
  constexpr std::int64_t size = 1000, clients = 37;
  const auto fixed = FixedPoint::for_total_weight(clients * 5);
  const auto value = [](std::int64_t u, std::int64_t j) {
    return float(std::sin(double(u * size + j)));
  };
  const auto sum_of = [&](const Comm& comm, int threads) {
    const Threads scope(threads);
    FixedSum sum(size, fixed);
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t u = 0; u < clients; ++u) {
      if (u % comm.size() != comm.rank()) continue;
      std::vector<float> x(size);
      for (std::int64_t j = 0; j < size; ++j) x[std::size_t(j)] = value(u, j);
      EXPECT_TRUE(sum.add(x, 1 + u % 5));
    }
    sum.reduce(comm);
    return std::vector<std::int64_t>(sum.raw().begin(), sum.raw().end());
  };
  const auto want = sum_of(Comm::self(), 1);
  for (const int threads : {1, 2, 4}) EXPECT_EQ(sum_of(world, threads), want);
  double naive = 0;
  for (std::int64_t u = 0; u < clients; ++u) naive += double(1 + u % 5) * double(value(u, 999));
  EXPECT_NEAR(fixed.decode(want[999]), naive, 1e-9);
}

TEST(FixedPart, PartsOfManyThreadsAreTheSum) {
  constexpr std::int64_t size = 300, clients = 50;  // more than stands behind one lock
  const auto fixed = FixedPoint::for_total_weight(clients * 3);
  const auto vector_of = [](std::int64_t u) {
    std::vector<double> x(size);
    for (std::int64_t j = 0; j < size; ++j) x[std::size_t(j)] = std::cos(double(u * size + j));
    return x;
  };
  FixedSum one(size, fixed), parts(size, fixed);
  for (std::int64_t u = 0; u < clients; ++u) ASSERT_TRUE(one.add(vector_of(u), 1 + u % 3));
  parallel_for(5, 4, [&](std::int64_t b, int) {
    auto part = parts.part();
    for (std::int64_t u = 10 * b; u < 10 * (b + 1); ++u)
      EXPECT_TRUE(part.add(std::span<const double>(vector_of(u)), 1 + u % 3));
    auto bad = vector_of(b);
    bad[7] = -1024.0;
    EXPECT_FALSE(part.add(std::span<const double>(bad)));
    parts.add(part);
  });
  EXPECT_TRUE(std::ranges::equal(one.raw(), parts.raw()));
}

// Sums from elsewhere in parts, as a device sends them: their weights first.
TEST(RowSum, MergesWeightsWithTheirRows) {
  const auto world = Comm::world();
  constexpr std::int64_t rows = 10;
  for (const bool whole : {false, true}) {
    RowSum sum(rows, 2, FixedPoint::for_total_weight(100), aggregate::production().add, true);
    std::vector<std::int64_t> weight(rows), values(2 * rows);
    weight[3] = 1 + world.rank();  // an update of zeros touches its row
    weight[8] = 2;
    values[16] = 7;
    sum.merge_weight(0, {weight.data(), 5});
    sum.merge_weight(5, {weight.data() + 5, 5});
    for (const std::int64_t first : {0, 4, 8})
      sum.merge(first, {values.data() + 2 * first, std::size_t(first == 8 ? 4 : 8)},
                whole ? nullptr : &world);
    sum.reduce(world);
    const std::int64_t n = whole ? 1 : world.size();
    EXPECT_EQ(sum.weight()[8], 2 * n);
    EXPECT_EQ(sum.weight()[3], whole ? 1 + world.rank() : n * (n + 1) / 2);
    EXPECT_EQ(sum.raw(8)[0], 7 * n);
    EXPECT_EQ(sum.touched_rows(), 2);
  }
}

}  // namespace
}  // namespace fedfuse
