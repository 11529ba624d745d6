// The features of the group prior's teacher: their norm and projection, missing rows, and items
// without features.
#include "server/prior_features.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/server/prior_setting.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using namespace test;

double square_of(const Matrix<float>& Z, std::int64_t i) {
  double square = 0;
  for (std::int64_t k = 0; k < Z.cols; ++k) square += double(Z(i, k)) * Z(i, k);
  return square;
}

TEST(PriorFeatures, AMissingRowStandsAtTheMean) {
  PriorSetting s(50);
  s.data.has_text[3] = s.data.has_image[3] = 0;
  s.data.has_text[4] = s.data.has_image[4] = 1;
  for (std::int64_t k = 0; k < 24; ++k) s.data.text(4, k) = 0.0f;
  const auto Z = prior_features(s.config, s.data);
  ASSERT_EQ(Z.cols, 44);
  EXPECT_EQ(square_of(Z, 3), 0.0);
  for (std::int64_t k = 0; k < 24; ++k) EXPECT_EQ(Z(4, k), 0.0f);
  for (const auto& [first, count, has] :
       {std::tuple{0, 24, &s.data.has_text}, std::tuple{24, 20, &s.data.has_image}}) {
    double square = 0, rows = 0;
    for (int k = first; k < first + count; ++k) {
      double sum = 0;
      for (std::int64_t i = 0; i < 50; ++i) {
        sum += Z(i, k);
        square += double(Z(i, k)) * Z(i, k);
      }
      EXPECT_NEAR(sum, 0.0, 1e-5);
    }
    for (std::int64_t i = 0; i < 50; ++i)
      rows += double((*has)[std::size_t(i)] != 0 && !(first == 0 && i == 4));
    EXPECT_NEAR(square, rows, 1e-4);
  }
}

// Longer features, another unit of a modality: the teacher sees the same.
TEST(PriorFeatures, TheLengthOfARowDoesNotMatter) {
  PriorSetting s(50, 16);
  const auto Z = prior_features(s.config, s.data);
  ASSERT_EQ(Z.cols, 16);
  for (std::int64_t i = 0; i < 50; ++i)
    for (std::int64_t k = 0; k < 24; ++k) s.data.text(i, k) *= float(1 << (i % 5));
  EXPECT_EQ(prior_features(s.config, s.data), Z);
}

// A projection to as many columns as there are directions keeps every product of two items; fewer
// items than columns, or more.
TEST(PriorFeatures, AProjectionKeepsProducts) {
  for (const std::size_t M : {30, 60}) {
    PriorSetting s(M);
    const auto X = prior_features(s.config, s.data);
    s.config.prior.projection = 43;  // of 44
    const auto Z = prior_features(s.config, s.data);
    EXPECT_LE(Z.cols, std::int64_t(std::min<std::size_t>(M, 43)));
    double worst = 0;
    for (std::int64_t i = 0; i < X.rows; ++i)
      for (std::int64_t j = 0; j < X.rows; ++j) {
        double x = 0, z = 0;
        for (std::int64_t k = 0; k < X.cols; ++k) x += double(X(i, k)) * X(j, k);
        for (std::int64_t k = 0; k < Z.cols; ++k) z += double(Z(i, k)) * Z(j, k);
        worst = std::max(worst, std::abs(x - z));
      }
    EXPECT_LT(worst, M == 30 ? 1e-5 : 0.2) << M;
  }
}

// Of more items than most_covariance_items the covariance sees a sample; Z is still that of all.
TEST(PriorFeatures, ManyItemsAreSampled) {
  const std::int64_t M = 2 * most_covariance_items + 1;
  Dataset data;
  data.items = M;
  data.text = Matrix<float>(M, 3);
  data.has_text.assign(std::size_t(M), 1);
  const Rng rng(3, Purpose::test);
  for (std::int64_t i = 0; i < M; ++i)
    for (std::int64_t k = 0; k < 3; ++k)
      data.text(i, k) = float(rng.normal(std::uint64_t(i), 0, std::uint32_t(k)) / double(1 << k));
  Config config;
  config.prior.projection = 2;
  const auto Z = prior_features(config, data);
  ASSERT_EQ(Z.cols, 2);
  double square = 0, cross = 0, first = 0;
  for (std::int64_t i = 0; i < M; ++i) {
    square += square_of(Z, i);
    first += double(Z(i, 0)) * Z(i, 0);
    cross += double(Z(i, 0)) * Z(i, 1);
  }
  EXPECT_NEAR(square / double(M), 1.0, 1e-4);
  EXPECT_LT(std::abs(cross), 0.02 * first);
}

TEST(PriorFeatures, ItemsWithoutFeaturesGetDrawnRows) {
  PriorSetting s(200);
  for (auto* has : {&s.data.has_text, &s.data.has_image}) std::ranges::fill(*has, std::uint8_t(0));
  const auto Z = prior_features(s.config, s.data);
  EXPECT_EQ(Z.cols, drawn_width);
  EXPECT_EQ(prior_feature_width(s.config, s.data), drawn_width);
  double square = 0;
  for (std::int64_t i = 0; i < 200; ++i) square += square_of(Z, i);
  EXPECT_NEAR(square / 200, 1.0, 0.05);
  s.config.federation.seed = 5;
  EXPECT_NE(prior_features(s.config, s.data), Z);
  // all alike: nothing to learn from
  for (auto& has : s.data.has_text) has = 1;
  for (std::int64_t i = 0; i < 200; ++i)
    for (std::int64_t k = 0; k < 24; ++k) s.data.text(i, k) = float(k + 1);
  EXPECT_EQ(prior_features(s.config, s.data).cols, drawn_width);
}

TEST(PriorFeatures, ThreadsDoNotChangeABit) {
  PriorSetting s(500, 16);
  const Threads one(1);
  const auto Z = prior_features(s.config, s.data);
  const Threads three(3);
  EXPECT_EQ(prior_features(s.config, s.data), Z);
}

}  // namespace
}  // namespace fedfuse
