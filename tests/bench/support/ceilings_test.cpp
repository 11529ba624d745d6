// What is measured, and for what; no time is asserted.
#include "support/ceilings.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <vector>

namespace fedfuse::bench {
namespace {

TEST(Ceilings, EveryWidthOfThisMachineIsMeasured) {
  std::vector<int> bits, expected;
  for (const auto& width : ceilings().fma) {
    bits.push_back(width.bits);
    EXPECT_GT(width.flops, 0) << width.name;
  }
  for (const auto& loops : vector_loops())
    if (loops.runs_here()) expected.push_back(loops.bits);
  EXPECT_EQ(bits, expected);
  EXPECT_EQ(ceilings().fma.back().bits, widest_loops().bits);
  EXPECT_EQ(ceilings().flops(), ceilings().fma.back().flops);
  EXPECT_GT(ceilings().gemm_flops, 0);
}

TEST(Ceilings, ACopyIsMeasuredOnceForEachNumberOfThreads) {
  EXPECT_EQ(copy_bytes(1), ceilings().copy_bytes);
  const double of_two = copy_bytes(2);
  EXPECT_GT(of_two, 0);
  EXPECT_EQ(copy_bytes(2), of_two);
}

TEST(Ceilings, CachesAreThoseOfTheMachine) {
  const auto known = read_caches();
  EXPECT_EQ(ceilings().caches.empty(), known.empty());
  for (const auto& [cache, read_bytes] : ceilings().caches) {
    EXPECT_NE(std::ranges::find(known, cache), known.end());
    EXPECT_GT(read_bytes, 0) << cache.level;
  }
}

// Reads would be answered by the cache before it.
TEST(Ceilings, ACacheHardlyLargerThanTheOneBeforeIsLeftOut) {
  constexpr std::size_t kibibyte = 1024;
  const std::vector<Cache> caches{
      {1, 32 * kibibyte, 1}, {2, 64 * kibibyte, 1}, {3, 256 * kibibyte, 1}};
  std::vector<int> levels;
  for (const auto& one : measure_reads(caches)) levels.push_back(one.cache.level);
  EXPECT_EQ(levels, (std::vector<int>{1, 3}));
  EXPECT_TRUE(measure_reads({}).empty());
}

TEST(Ceilings, CoresAreThoseOfTheAffinity) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(cores_allowed(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(cores_allowed(), 1);
  EXPECT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace fedfuse::bench
