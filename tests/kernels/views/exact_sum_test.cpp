// Sums of floats that no order changes, and what they refuse.
#include "kernels/views/exact_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/rng.hpp"

namespace fedfuse::views {
namespace {

TEST(ExactSum, KeepsItsPromise) {
  const Rng rng(3, Purpose::test);
  constexpr std::size_t n = 37;
  std::vector<std::vector<float>> parts(50, std::vector<float>(n));
  std::vector<long double> truth(n, 0);
  for (std::size_t b = 0; b < parts.size(); ++b)
    for (std::size_t k = 0; k < n; ++k) {
      // from 1 down to 2^-36
      parts[b][k] = float(std::ldexp(rng.normal(b, std::uint32_t(k), 0), -int(k)));
      truth[k] += parts[b][k];
    }
  const auto sum = [&](bool backwards) {
    ExactSum first(n), second(n);
    for (std::size_t b = 0; b < parts.size(); ++b) {
      const auto& part = parts[backwards ? parts.size() - 1 - b : b];
      EXPECT_TRUE((b % 3 == 0 ? first : second).add(part));
    }
    first.merge(second);
    std::vector<float> out(n);
    first.decode(out, 1.0);
    return out;
  };
  const auto out = sum(false);
  EXPECT_EQ(out, sum(true));
  for (std::size_t k = 0; k < n; ++k)
    EXPECT_NEAR(out[k], double(truth[k]), 1e-7 * std::abs(double(truth[k])) + 50 * 0x1p-61) << k;
  ExactSum other(2);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -0x1p30f})
    EXPECT_FALSE(other.add(std::vector<float>{1.0f, bad}));
}

// However parts reach a sum, it is the same: waiting or in the words, in one sum or in several.
TEST(ExactSum, PartsThatWaitCountAsOthersDo) {
  const Rng rng(4, Purpose::test);
  constexpr std::size_t n = 19;
  const auto part = [&](std::size_t b) {
    std::vector<float> values(n);
    for (std::size_t k = 0; k < n; ++k)
      values[k] = float(std::ldexp(rng.normal(b, std::uint32_t(k), 0), -int(k)));
    return values;
  };
  const auto add_waiting = [&](ExactSum& sum, std::size_t b) {
    std::ranges::copy(part(b), sum.next().begin());
    EXPECT_TRUE(sum.add_next());
  };
  const auto decoded = [](const ExactSum& sum) {
    std::vector<float> out(n);
    sum.decode(out, 0.5);
    return out;
  };
  ExactSum other(n + 2), waiting(n), reused(n + 1);
  EXPECT_EQ(decoded(waiting), std::vector<float>(n, 0.0f));
  add_waiting(reused, 3);
  reused.start(n);
  for (std::size_t parts = 1; parts <= 11; ++parts) {
    ExactSum plain(n), front(n), back(n);
    for (std::size_t b = 0; b < parts; ++b) {
      EXPECT_TRUE(plain.add(part(b)));
      add_waiting(b % 2 == 0 ? front : back, b);
    }
    add_waiting(waiting, parts - 1);
    add_waiting(reused, parts - 1);
    front.merge(back);
    front.reduce(Comm::self());
    EXPECT_EQ(decoded(waiting), decoded(plain)) << parts;
    EXPECT_EQ(decoded(reused), decoded(plain)) << parts;
    EXPECT_EQ(decoded(front), decoded(plain)) << parts;
  }
  waiting.clear();
  EXPECT_EQ(decoded(waiting), std::vector<float>(n, 0.0f));
  other.next()[n] = -0x1p30f;
  EXPECT_FALSE(other.add_next());
}

}  // namespace
}  // namespace fedfuse::views
