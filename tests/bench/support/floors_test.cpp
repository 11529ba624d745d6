// The floors by hand, on a machine of round numbers.
#include "support/floors.hpp"

#include <gtest/gtest.h>

namespace fedfuse::bench {
namespace {

constexpr double copy = 10;

Ceilings machine() {
  Ceilings top;
  top.fma = {{"128", 128, 50}, {"256", 256, 100}};
  top.copy_bytes = copy;
  top.caches = {{{.level = 1, .bytes = 1000}, 80},
                {{.level = 2, .bytes = 8000}, 40},
                {{.level = 3, .bytes = 64000, .sharers = 4}, 20}};
  return top;
}

TEST(Floors, FlopAreOverTheWidestVectors) {
  const auto least = floors({.flops = 700, .bytes = 8}, machine(), copy, 4);
  EXPECT_DOUBLE_EQ(least.fma_seconds, 7);
  EXPECT_DOUBLE_EQ(least.larger(), 7);
}

TEST(Floors, BytesAreOverTheCacheThatHoldsThem) {
  struct Expected {
    double bytes;
    int level;
    double seconds;
  };
  for (const auto& [bytes, level, seconds] : {Expected{1000, 1, 12.5}, Expected{1600, 2, 40},
                                              Expected{64000, 3, 3200}, Expected{64010, 0, 6401}}) {
    const auto least = floors({.flops = 1, .bytes = bytes}, machine(), copy, 4);
    EXPECT_EQ(least.cache_level, level) << bytes;
    EXPECT_DOUBLE_EQ(least.bytes_seconds, seconds) << bytes;
    EXPECT_DOUBLE_EQ(least.larger(), seconds) << bytes;
  }
}

// Only the first time do they come from where the data lie.
TEST(Floors, BytesThatComeAgainAreOverTheNearestCache) {
  const auto few = floors({.bytes = 70000, .held = 65000}, machine(), copy, 4);
  EXPECT_EQ(few.cache_level, 0);
  EXPECT_DOUBLE_EQ(few.bytes_seconds, 6500);
  const auto many = floors({.bytes = 800000, .held = 65000}, machine(), copy, 4);
  EXPECT_DOUBLE_EQ(many.bytes_seconds, 10000);
}

// A cold client: the data of all of them are more than a piece of work has.
TEST(Floors, DataMayBeMoreThanThePieceOfWorkTouches) {
  const auto least = floors({.bytes = 100, .held = 65000}, machine(), copy, 4);
  EXPECT_EQ(least.cache_level, 0);
  EXPECT_DOUBLE_EQ(least.bytes_seconds, 10);
}

TEST(Floors, ThreadsHaveTheCoresThatThereAre) {
  const Work work{.flops = 4000, .bytes = 16000, .threads = 8};
  const auto of_two = floors(work, machine(), copy, 2);
  EXPECT_DOUBLE_EQ(of_two.fma_seconds, 20);
  EXPECT_EQ(of_two.cache_level, 2);  // 8,000 each
  EXPECT_DOUBLE_EQ(of_two.bytes_seconds, 200);
  EXPECT_DOUBLE_EQ(floors(work, machine(), copy, 16).fma_seconds, 5);
}

TEST(Floors, NeighboursShareACache) {
  const auto seen = [](int threads) {
    return floors({.bytes = 100000, .threads = threads}, machine(), copy, 8).cache_level;
  };
  EXPECT_EQ(seen(4), 0);
  EXPECT_EQ(seen(5), 3);
}

TEST(Floors, WithoutKnownCachesBytesAreCopied) {
  auto top = machine();
  top.caches.clear();
  const auto least = floors({.bytes = 100}, top, copy, 1);
  EXPECT_EQ(least.cache_level, 0);
  EXPECT_DOUBLE_EQ(least.bytes_seconds, 10);
}

}  // namespace
}  // namespace fedfuse::bench
