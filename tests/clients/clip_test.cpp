// clients/clip: the bound holds in the integers of the sums, and touches nothing within it.
#include "clients/clip.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/fixed_point.hpp"
#include "core/rng.hpp"
#include "kernels/aggregate/fixed_add.hpp"

namespace fedfuse {
namespace {

__extension__ using Wide = unsigned __int128;

// The sum of squares of what the sums take, exactly.
Wide squares(const std::vector<float>& x, double scale) {
  Wide sum = 0;
  for (const float v : x) {
    const auto q = aggregate::to_fixed(double(v), scale);
    sum += Wide(std::uint64_t(std::abs(q))) * std::uint64_t(std::abs(q));
  }
  return sum;
}

std::vector<float> drawn(std::size_t n, double size, std::uint32_t round) {
  const Rng rng(5, Purpose::test);
  std::vector<float> x(n);
  for (std::size_t k = 0; k < n; ++k) x[k] = float(size * rng.normal(n, round, std::uint32_t(k)));
  return x;
}

TEST(Clip, holds_in_integers_for_every_shape_and_size) {
  std::uint32_t round = 0;
  for (const std::int64_t weight : {1, 1000, 1000000})
    for (const double bound : {1e-6, 0.013, 0.2, 3.0, 511.0})
      for (const std::size_t rows : {0, 1, 7, 8, 4160})
        for (const std::size_t head : {0, 65})
          for (const double size : {1e-4, 0.1, 30.0}) {
            const double scale = FixedPoint::for_total_weight(weight).scale;
            auto x = drawn(rows, size, ++round), h = drawn(head, size, ++round);
            const auto x0 = x, h0 = h;
            const auto outcome = Clip(bound, scale)(x, h);
            const auto most = Wide(std::uint64_t(std::floor(bound * scale)));
            const bool was_within = squares(x0, scale) + squares(h0, scale) <= most * most;
            ASSERT_TRUE(squares(x, scale) + squares(h, scale) <= most * most)
                << weight << " " << bound << " " << rows << " " << head << " " << size;
            ASSERT_EQ(outcome.clipped, x != x0 || h != h0);
            if (!was_within) {
              ASSERT_TRUE(outcome.clipped);
            }
            double norm = 0;
            for (const float v : x0) norm += double(v) * v;
            for (const float v : h0) norm += double(v) * v;
            ASSERT_NEAR(outcome.norm, std::sqrt(norm), 1e-4 * std::sqrt(norm) + 1e-4);
            // along the same direction, and as long as the bound allows
            if (outcome.clipped && rows + head > 0 && bound > 0.01) {
              const double length =
                  std::sqrt(double(squares(x, scale) + squares(h, scale))) / scale;
              ASSERT_GT(length, bound * (1 - 1e-4));
            }
          }
}

TEST(Clip, holds_in_integers_where_the_norm_is_about_the_bound) {
  for (const double scale : {0x1p20, 0x1p32, 0x1p40})
    for (const std::size_t rows : {1, 33, 1056, 4160})
      for (const double of_norm : {1 - 1e-5, 1 - 1e-8, 1.0, 1 + 1e-8, 1 + 1e-5}) {
        auto x = drawn(rows, 0.1, 77);
        const auto x0 = x;
        std::vector<float> none;
        const double bound = of_norm * std::sqrt(double(squares(x, scale))) / scale;
        const auto outcome = Clip(bound, scale)(x, none);
        const auto most = Wide(std::uint64_t(std::floor(bound * scale)));
        ASSERT_TRUE(squares(x, scale) <= most * most) << scale << " " << rows << " " << of_norm;
        ASSERT_EQ(outcome.clipped, x != x0);
        ASSERT_GT(double(squares(x, scale)), double(most) * double(most) * (1 - 1e-3));
      }
}

TEST(Clip, holds_where_squares_overflow_in_float) {
  constexpr double scale = 0x1p20;
  std::vector<float> x{3e20f, -4e20f}, none;
  const auto outcome = Clip(2.0, scale)(x, none);
  EXPECT_TRUE(outcome.clipped);
  EXPECT_NEAR(outcome.norm, 5e20, 1e15);
  EXPECT_NEAR(x[0], 1.2, 1e-5);
  EXPECT_NEAR(x[1], -1.6, 1e-5);
}

TEST(Clip, keeps_the_bits_within_the_bound_and_leaves_what_is_no_number) {
  const double scale = 0x1p32;
  std::vector<float> x{3.0f, 4.0f}, none;
  EXPECT_FALSE(Clip(5.1, scale)(x, none).clipped);
  EXPECT_EQ(x, (std::vector<float>{3.0f, 4.0f}));
  const auto outcome = Clip(1.0, scale)(x, none);
  EXPECT_TRUE(outcome.clipped);
  EXPECT_NEAR(outcome.norm, 5.0, 1e-6);
  EXPECT_NEAR(x[0], 0.6, 1e-5);
  EXPECT_NEAR(x[1], 0.8, 1e-5);
  x = {NAN, 1.0f};
  EXPECT_FALSE(Clip(1.0, scale)(x, none).clipped);
  EXPECT_TRUE(std::isnan(x[0]));
}

}  // namespace
}  // namespace fedfuse
