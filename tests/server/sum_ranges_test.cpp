// server/sum_ranges: ranges that follow the data, and sums in them: exact, the same on any ranks.
#include "server/sum_ranges.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "aggregation/row_sum.hpp"
#include "core/parallel.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                infinity = std::numeric_limits<float>::infinity();

Excess excess_of(SumKind kind, std::initializer_list<float> x) {
  Excess excess{SumRanges()};
  excess.look(kind, {x.begin(), x.size()});
  return excess;
}

std::int64_t range_for(float x) {
  MisfitClients clients;
  clients.offer(0, excess_of(SumKind::rows, {x}));
  SumRanges ranges;
  (void)ranges.raise(clients.found());
  return ranges.log2(SumKind::rows);
}

TEST(SumRanges, RiseToTheLeastPowerOfTwoAbove) {
  for (const auto& [x, log2] : std::vector<std::pair<float, std::int64_t>>{
           {0.0f, 10},
           {std::nextafter(1024.0f, 0.0f), 10},
           {1024.0f, 11},  // a power of two is not below itself
           {-1024.0f, 11},
           {2047.0f, 11},
           {-2048.0f, 12},
           {1e6f, 20},
           {1e9f, 30},
           {0x1p39f, 40},
           {std::nextafter(0x1p40f, 0.0f), 40}})
    EXPECT_EQ(range_for(x), log2) << x;
}

TEST(SumRanges, KindsRiseAloneAndNeverFall) {
  SumRanges ranges;
  Misfit misfit;
  misfit.largest[std::size_t(SumKind::head)] = 5000;
  const auto rises = ranges.raise(misfit);
  ASSERT_EQ(rises.size(), 1u);
  EXPECT_TRUE(rises[0].kind == SumKind::head && rises[0].from == 10 && rises[0].to == 13);
  EXPECT_EQ(rises[0].largest, 5000.0);
  EXPECT_EQ(ranges.limit(SumKind::head), 8192.0);
  EXPECT_EQ(ranges.limit(SumKind::rows), 1024.0);
  EXPECT_EQ(ranges.largest_log2(), 13);
  misfit.largest[std::size_t(SumKind::head)] = 1500;
  EXPECT_TRUE(ranges.raise(misfit).empty());
  EXPECT_EQ(ranges.log2(SumKind::head), 13);
}

TEST(SumRanges, WhatIsNotFiniteIsToldFromWhatIsTooLarge) {
  MisfitClients clients;
  EXPECT_FALSE(clients.found().any());
  clients.offer(9, excess_of(SumKind::rows, {1.0f, -3e13f}));
  clients.offer(5, excess_of(SumKind::rows, {0x1p40f}));
  clients.offer(3, excess_of(SumKind::losses, {2000.0f}));
  EXPECT_FALSE(clients.found().not_finite);
  EXPECT_EQ(clients.found().too_large, 5);
  EXPECT_EQ(clients.found().largest[std::size_t(SumKind::rows)], double(3e13f));
  EXPECT_EQ(clients.found().largest[std::size_t(SumKind::losses)], 2000.0);
  for (const float bad : {nan, infinity, -infinity}) {
    MisfitClients beside;
    beside.offer(4, excess_of(SumKind::rows, {1e30f}));
    beside.offer(8, excess_of(SumKind::head, {5000.0f, bad, 1.0f}));
    beside.offer(7, excess_of(SumKind::head, {bad}));
    EXPECT_EQ(beside.found().not_finite, 7) << bad;
    EXPECT_EQ(beside.found().largest[std::size_t(SumKind::head)], 5000.0) << bad;
  }
}

TEST(SumRanges, ThreadsFindTheSame) {
  MisfitClients clients;
  parallel_for(1000, 4, [&](std::int64_t i, int) {
    clients.offer(1000 - i, excess_of(SumKind::rows, {1024.0f + float(i)}));
    if (i % 7 == 0) clients.offer(500 + i, excess_of(SumKind::rows, {nan}));
  });
  EXPECT_EQ(clients.found().not_finite, 500);
  EXPECT_EQ(clients.found().largest[std::size_t(SumKind::rows)], 2023.0);
}

// Each rank knows something else.
TEST(SumRanges, RanksAgree) {
  const auto world = Comm::world();
  const auto rank = std::int64_t(world.rank()), last = std::int64_t(world.size() - 1);
  EXPECT_FALSE(agreed({}, world).any());
  MisfitClients clients;
  clients.offer(100 - rank, excess_of(SumKind::rows, {float(std::ldexp(1.0, int(12 + rank)))}));
  if (rank == last) clients.offer(50, excess_of(SumKind::losses, {1e20f}));
  const auto all = agreed(clients.found(), world);
  EXPECT_FALSE(all.not_finite);
  EXPECT_EQ(all.too_large, 50);
  EXPECT_EQ(all.largest[std::size_t(SumKind::rows)], std::ldexp(1.0, int(12 + last)));
  EXPECT_EQ(all.largest[std::size_t(SumKind::losses)], double(1e20f));
  if (rank == 0) clients.offer(60, excess_of(SumKind::head, {nan}));
  EXPECT_EQ(agreed(clients.found(), world).not_finite, 60);
}

// ---- sums of large numbers

using Wide = __int128;

// Client u's number: 10^3, 10^6 or 10^9 in size, of another size on its neighbour.
float number(std::int64_t u, std::int64_t k) {
  constexpr std::array<double, 3> sizes{1e3, 1e6, 1e9};
  const double size = sizes[std::size_t(u % 3)];
  return float(size * std::sin(double(7 * u + k + 1)));
}

// Sums in a range are those of the whole numbers round(x 2^bits), and agree with real ones within
// half a unit a client and weight.
TEST(SumRanges, SumsOfLargeNumbersAreExact) {
  const auto world = Comm::world();
  constexpr std::int64_t clients = 41, items = 3, width = 5;
  std::int64_t weight = 0;
  MisfitClients found;
  for (std::int64_t u = 0; u < clients; ++u) {
    weight += 1 + u % 4;
    if (u % world.size() != world.rank()) continue;
    std::vector<float> x;
    for (std::int64_t k = 0; k < items * width; ++k) x.push_back(number(u, k));
    Excess excess{SumRanges()};
    excess.look(SumKind::rows, x);
    found.offer(u, excess);
  }
  SumRanges ranges;
  (void)ranges.raise(agreed(found.found(), world));
  ASSERT_EQ(ranges.log2(SumKind::rows), 30);
  const auto fixed = FixedPoint::for_total_weight(weight, ranges.limit(SumKind::rows));
  RowSum rows(items, width, fixed);
  const std::vector<std::int32_t> ids{0, 1, 2};
  for (std::int64_t u = world.rank(); u < clients; u += world.size()) {
    std::vector<float> x;
    for (std::int64_t k = 0; k < items * width; ++k) x.push_back(number(u, k));
    ASSERT_TRUE(rows.add(ids, x.data(), 1 + u % 4));
  }
  rows.reduce(world);
  for (std::int64_t k = 0; k < items * width; ++k) {
    Wide want = 0;
    long double real = 0;
    for (std::int64_t u = 0; u < clients; ++u) {
      want += Wide(1 + u % 4) * std::llrint(double(number(u, k)) * fixed.scale);
      real += static_cast<long double>(1 + u % 4) * static_cast<long double>(number(u, k));
    }
    const auto got = rows.raw(k / width)[k % width];
    EXPECT_TRUE(Wide(got) == want) << k;
    EXPECT_LE(std::abs(fixed.decode(got) - double(real)), 0.5 * double(weight) * fixed.inverse)
        << k;
  }
}

}  // namespace
}  // namespace fedfuse
