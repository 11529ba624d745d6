// As many shares as the threshold give a secret back, whichever; fewer or changed ones do not.
#include "secure/shamir.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace fedfuse {
namespace {

Secret some_secret(std::uint8_t seed) {
  Secret secret{};
  for (std::size_t k = 0; k < secret.size(); ++k) secret[k] = std::uint8_t(37 * k + seed);
  return secret;
}

const Rng rng(9, Purpose::test);

// Numbers 1 to n in an order of their own, the first t of them.
std::vector<int> chosen(int n, int t, std::uint32_t trial) {
  std::vector<int> numbers(std::size_t(n), 0);
  std::iota(numbers.begin(), numbers.end(), 1);
  std::ranges::sort(numbers, {}, [&](int x) { return rng.bits(std::uint64_t(x), trial, 0); });
  numbers.resize(std::size_t(t));
  return numbers;
}

std::vector<Share> of(const std::vector<Share>& shares, const std::vector<int>& numbers) {
  std::vector<Share> taken;
  for (const int x : numbers) taken.push_back(shares[std::size_t(x - 1)]);
  return taken;
}

TEST(Shamir, AnySharesAsManyAsTheThresholdGiveTheSecretBack) {
  for (const auto& [t, n] : {std::pair{1, 1}, {1, 4}, {2, 2}, {5, 8}, {33, 64}, {54, 142}})
    for (std::uint32_t trial = 0; trial < 4; ++trial) {
      auto secret = some_secret(std::uint8_t(trial));
      if (trial == 3) secret.fill(0xff);
      const auto shares = split(secret, t, n, rng, trial, 1);
      const auto numbers = chosen(n, t, trial);
      EXPECT_EQ(join(numbers, of(shares, numbers)), secret) << t << " of " << n;
    }
}

TEST(Shamir, FewerOrChangedSharesGiveSomethingElse) {
  const auto secret = some_secret(1);
  auto shares = split(secret, 5, 8, rng, 1, 1);
  const auto four = chosen(8, 4, 0), five = chosen(8, 5, 0);
  EXPECT_NE(join(four, of(shares, four)), secret);
  shares[std::size_t(five[2] - 1)][3] ^= 1;
  EXPECT_NE(join(five, of(shares, five)), secret);
}

// The same secret has other shares in another round, so shares of two rounds cannot be joined.
TEST(Shamir, SharesAreDrawnByWhoAndWhen) {
  const auto secret = some_secret(1);
  const auto one = split(secret, 3, 5, rng, 1, 1), again = split(secret, 3, 5, rng, 1, 1),
             other = split(secret, 3, 5, rng, 2, 1), later = split(secret, 3, 5, rng, 1, 2);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_NE(one, later);
}

}  // namespace
}  // namespace fedfuse
