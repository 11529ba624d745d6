// core: what every other room stands on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numeric>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "core/fixed_point.hpp"
#include "core/h5.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "core/simd.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

TEST(BlockSplit, CoversEverythingOnce) {
  for (const std::int64_t n : {0, 1, 7, 100})
    for (const int ranks : {1, 2, 3, 8}) {
      const BlockSplit split{n, ranks};
      std::int64_t total = 0;
      for (int r = 0; r < ranks; ++r) total += split.count(r);
      EXPECT_EQ(total, n);
      for (std::int64_t i = 0; i < n; ++i) {
        const int owner = split.owner(i);
        EXPECT_TRUE(split.first(owner) <= i && i < split.first(owner + 1));
      }
    }
}

// Known answers of Philox4x32-10 (Random123's kat_vectors) through our key and counter.
TEST(Rng, IsPhiloxAndAPureFunction) {
  const auto known = r123::Philox4x32()({{0, 0, 0, 0}}, {{0, 0}});
  EXPECT_EQ(known[0], 0x6627e8d5u);
  EXPECT_EQ(known[3], 0x9b00dbd8u);
  const Rng a(7, Purpose::negatives), b(7, Purpose::negatives), other(7, Purpose::shuffle),
      seed(8, Purpose::negatives);
  EXPECT_EQ(a.words(3, 4, 5), b.words(3, 4, 5));
  EXPECT_NE(a.words(3, 4, 5), other.words(3, 4, 5));
  EXPECT_NE(a.words(3, 4, 5), seed.words(3, 4, 5));
  // ids beyond 32 bits count
  EXPECT_NE(a.words(3, 4, 5), a.words(3 + (std::uint64_t(1) << 32), 4, 5));
  double sum = 0, squares = 0;
  constexpr int n = 20000;
  for (std::uint32_t i = 0; i < n; ++i) {
    const double x = a.normal(1, 2, i), u = a.uniform(1, 3, i);
    ASSERT_TRUE(u > 0 && u < 1);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.03);
  EXPECT_NEAR(squares / n, 1, 0.04);
  RngStream stream(a, 9, 1);
  EXPECT_EQ(stream.next(), a.words(9, 1, 0)[0]);
  for (int i = 0; i < 3; ++i) (void)stream.next();
  EXPECT_EQ(stream.next(), a.words(9, 1, 1)[0]);
}

TEST(FixedPoint, LeavesRoomForTheSumAndKeepsPrecision) {
  // R7's figure for a million clients
  EXPECT_EQ(FixedPoint::for_total_weight(1000000).scale, 0x1p32);
  for (const std::int64_t weight :
       {std::int64_t(1), std::int64_t(204), std::int64_t(1000000), std::int64_t(1) << 33}) {
    const auto fixed = FixedPoint::for_total_weight(weight);
    EXPECT_LT(FixedPoint::limit * fixed.scale * double(weight), 0x1p63);
    EXPECT_NEAR(fixed.decode(fixed.encode(-3.14159)), -3.14159, 0.5001 / fixed.scale);
  }
  // a larger limit costs its bits, and a single element still fits the fast conversion
  for (int range = 10; range <= 127; ++range)
    for (int log2 = 0; log2 <= 44; ++log2)
      for (const std::int64_t less : {0, 1}) {
        const auto weight = std::max<std::int64_t>(1, (std::int64_t(1) << log2) - less);
        const double largest = std::ldexp(1.0, range);
        const auto fixed = FixedPoint::for_total_weight(weight, largest);
        EXPECT_EQ(fixed.largest, largest);
        EXPECT_EQ(fixed.scale * fixed.inverse, 1.0);
        EXPECT_LE(largest * fixed.scale, 0x1p50);
        EXPECT_GE(largest * fixed.scale, 0x1p18);
        EXPECT_LE(largest * fixed.scale * double(weight), 0x1p62);
      }
  EXPECT_FALSE(FixedPoint::fits(NAN));
  EXPECT_FALSE(FixedPoint::fits(-INFINITY));
  EXPECT_FALSE(FixedPoint::fits(1024.0));
  EXPECT_TRUE(FixedPoint::fits(-1023.9));
}

TEST(Simd, ExpAndLogAreAccurate) {
  for (float x = -80; x < 80; x += 0.37f) {
    const float got = simd::exp(simd::splat(x))[3];
    ASSERT_NEAR(got / std::exp(double(x)), 1.0, 3e-7) << x;
  }
  for (float x = 1; x <= 2; x += 0.003f)
    ASSERT_NEAR(simd::log_1_to_2(simd::splat(x))[5], std::log(double(x)), 2e-7) << x;
  EXPECT_EQ(simd::sum(simd::Float8{1, 2, 3, 4, 5, 6, 7, 8}), 36);
}

TEST(ParallelFor, ThrowsTheLowestIndex) {
  std::vector<int> seen(100, 0);
  parallel_for(100, 2, [&](std::int64_t i, int) { seen[std::size_t(i)]++; });
  EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), 100);
  try {
    parallel_for(50, 2, [](std::int64_t i, int) {
      if (i == 7 || i == 30) throw InternalError(cat(i));
    });
    FAIL();
  } catch (const InternalError& e) {
    EXPECT_STREQ(e.what(), "7");
  }
}

TEST(H5, WritesBlocksOfRowsTogetherAndReadsThemBack) {
  const auto comm = Comm::world();
  std::string path =
      (std::filesystem::temp_directory_path() / cat("fedfuse_h5_", getpid(), ".h5")).string();
  comm.broadcast(path);
  const BlockSplit split{11, comm.size()};
  {
    auto file = h5::File::create(path, &comm);
    std::vector<float> block;
    for (auto i = split.first(comm.rank()); i < split.first(comm.rank() + 1); ++i)
      block.insert(block.end(), {float(i), float(10 * i)});
    file.write_rows<float>("/a/b/rows", 11, 2, split.first(comm.rank()), block);
    const std::vector<std::int32_t> ids{3, 1, 2};
    file.write_all<std::int32_t>("/ids", 0, ids);
    file.write_strings("/names", {"one", "", "zwölf"});
    file.set("/a", "unit", "s");
    file.set("/", "count", std::int64_t(42));
    file.close();
  }
  const auto file = h5::File::open(path, comm);
  const auto m = file.read_matrix<float>("/a/b/rows");
  ASSERT_EQ(m.rows, 11);
  EXPECT_EQ(m(10, 1), 100.0f);
  EXPECT_EQ(file.read_rows<float>("/a/b/rows", 4, 1)[1], 40.0f);
  EXPECT_EQ(file.read_strings("/names"), (std::vector<std::string>{"one", "", "zwölf"}));
  EXPECT_EQ(file.text("/a", "unit"), "s");
  EXPECT_EQ(file.integer("/", "count"), 42);
  EXPECT_TRUE(file.has("/a/b"));
  EXPECT_FALSE(file.has("/a/c/d"));
  EXPECT_THROW((void)file.shape("/nothing"), InputError);
  EXPECT_THROW((void)h5::File::open(path + ".absent"), InputError);
  comm.barrier();
  if (comm.root()) std::filesystem::remove(path);
}

TEST(Config, RefusesTheImpossible) {
  const auto refused = [](auto change) {
    Config c;
    change(c);
    try {
      validate(c);
    } catch (const InputError&) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused([](Config&) {}));
  EXPECT_TRUE(refused([](Config& c) { c.model.dim = 0; }));
  EXPECT_TRUE(refused([](Config& c) { c.federation.fraction = 0; }));
  EXPECT_TRUE(refused([](Config& c) { c.federation.fraction = NAN; }));
  EXPECT_TRUE(refused([](Config& c) { c.federation.lr = -2; }));
  EXPECT_TRUE(refused([](Config& c) { c.fedvlr.views = {View::sum, View::sum}; }));
  EXPECT_TRUE(refused([](Config& c) { c.gfmfr.groups_min = 3; }));
}

TEST(Config, ParticipantsOfARoundAreRoundedOnce) {
  const auto participants = [](double fraction, std::int64_t clients) {
    FederationOptions options;
    options.fraction = fraction;
    return participants_of_round(options, clients);
  };
  EXPECT_EQ(participants(1.0, 40), 40);
  EXPECT_EQ(participants(0.3, 40), 12);
  EXPECT_EQ(participants(1e-9, 40), 1) << "at least one";
  EXPECT_EQ(participants(0.5, 3), 2) << "1.5 is rounded up";
  EXPECT_EQ(participants(0.5, 5), 3) << "2.5 is rounded up";
  EXPECT_EQ(participants(std::nextafter(0.5, 0.0), 5), 2);
  EXPECT_EQ(participants(std::nextafter(1.0, 0.0), 1'000'000), 1'000'000);
  EXPECT_EQ(participants(0.35, 10), 4) << "0.35 * 10 is 3.5 in double";
}

TEST(Config, TheMostGroupsAreThoseOfEitherNumber) {
  GfmfrOptions c;
  c.groups = 5;
  EXPECT_EQ(most_groups(c), 5);
  c.groups_max = 9;
  EXPECT_EQ(most_groups(c), 9);
}

TEST(Memory, IsKnown) {
  EXPECT_GT(peak_memory_bytes(), 1 << 20);
  EXPECT_GE(peak_memory_bytes(), current_memory_bytes() / 2);
  EXPECT_GT(available_memory_bytes(), 1 << 20);
}

}  // namespace
}  // namespace fedfuse
