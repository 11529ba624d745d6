// clients/shares: a client's shares in the groups of the prior, against the formula in long double.
#include "clients/shares.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

Matrix<float> drawn_logits(std::int64_t items, std::int64_t groups, double scale) {
  const Rng rng(5, Purpose::test);
  Matrix<float> logits(items, groups);
  for (std::int64_t i = 0; i < items; ++i)
    for (std::int64_t l = 0; l < groups; ++l)
      logits(i, l) = float(scale * rng.normal(std::uint64_t(i), 0, std::uint32_t(l)));
  return logits;
}

std::vector<long double> naive_shares(const Matrix<float>& logits,
                                      const std::vector<std::int32_t>& positives) {
  std::vector<long double> shares;
  long double sum = 0;
  for (std::int64_t l = 0; l < logits.cols; ++l) {
    long double all = 0, score = 0;
    for (std::int64_t j = 0; j < logits.rows; ++j)
      all += std::exp(static_cast<long double>(logits(j, l)));
    for (const auto i : positives) score += static_cast<long double>(logits(i, l)) - std::log(all);
    shares.push_back(std::exp(score / std::sqrt(static_cast<long double>(positives.size()))));
    sum += shares.back();
  }
  for (auto& share : shares) share /= sum;
  return shares;
}

TEST(Shares, AreTheSoftmaxOfTheMeanLogLikelihood) {
  for (const std::int64_t groups : {1, 3, 20}) {
    const auto logits = drawn_logits(50, groups, 1.5);
    const auto normalisers = log_normalisers(logits);
    for (const auto& positives : {std::vector<std::int32_t>{7}, {0, 3, 4, 49}, {1, 2, 5, 8, 30}}) {
      std::vector<float> shares(static_cast<std::size_t>(groups));
      shares_of(logits, normalisers, positives, shares);
      const auto expected = naive_shares(logits, positives);
      double sum = 0;
      for (std::size_t l = 0; l < shares.size(); ++l) {
        EXPECT_NEAR(shares[l], double(expected[l]), 1e-6) << groups << " groups, group " << l;
        sum += double(shares[l]);
      }
      EXPECT_NEAR(sum, 1.0, 1e-6);
    }
  }
}

// Neither the normaliser nor the softmax overflows.
TEST(Shares, StayFiniteForLargeLogits) {
  const auto logits = drawn_logits(40, 4, 3e4);
  std::vector<float> shares(4);
  shares_of(logits, log_normalisers(logits), std::vector<std::int32_t>{1, 2, 3}, shares);
  double sum = 0;
  for (const float share : shares) {
    EXPECT_TRUE(std::isfinite(share));
    sum += double(share);
  }
  EXPECT_NEAR(sum, 1.0, 1e-6);
}

TEST(Shares, OfAClientWithoutPositivesAreEqual) {
  const auto logits = drawn_logits(10, 5, 1.0);
  std::vector<float> shares(5);
  shares_of(logits, log_normalisers(logits), {}, shares);
  for (const float share : shares) EXPECT_FLOAT_EQ(share, 0.2f);
}

}  // namespace
}  // namespace fedfuse
