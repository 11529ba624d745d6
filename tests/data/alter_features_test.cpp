// data/alter_features: what becomes of rows and masks, by config and seed alone.
#include "data/alter_features.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

Dataset large() {
  Dataset data;
  data.items = 4000;
  data.text = Matrix<float>(data.items, 10);
  data.image = Matrix<float>(data.items, 6);
  data.has_text.assign(std::size_t(data.items), 1);
  data.has_image = data.has_text;
  for (std::size_t k = 0; k < data.text.size(); ++k) data.text.values[k] = float(k % 7) - 3.0f;
  for (std::size_t k = 0; k < data.image.size(); ++k) data.image.values[k] = float(k % 3);
  return data;
}

Dataset altered(Dataset data, const FeatureOptions& options, std::uint64_t seed = 0) {
  Config config;
  config.federation.seed = seed;
  config.features = options;
  return alter_features(data, config);
}

std::int64_t present(const std::vector<std::uint8_t>& has) {
  return std::accumulate(has.begin(), has.end(), std::int64_t(0));
}

TEST(AlterFeatures, DefaultsChangeNothing) {
  const test::SmallData small;
  const auto data = small.alone(), same = altered(data, {});
  EXPECT_EQ(same.text.values, data.text.values);
  EXPECT_EQ(same.image.values, data.image.values);
  EXPECT_EQ(same.has_text, data.has_text);
  EXPECT_EQ(same.has_image, data.has_image);
}

TEST(AlterFeatures, ModalitiesThatAreLeftOutHaveNoItem) {
  const auto data = large();
  const auto text = altered(data, {.modalities = Modalities::text}),
             image = altered(data, {.modalities = Modalities::image}),
             none = altered(data, {.modalities = Modalities::none});
  EXPECT_EQ(present(text.has_text), data.items);
  EXPECT_EQ(present(text.has_image), 0);
  EXPECT_EQ(present(image.has_text), 0);
  EXPECT_EQ(present(image.has_image), data.items);
  EXPECT_EQ(present(none.has_text) + present(none.has_image), 0);
  // nothing stands for a modality that nobody has
  const auto filled =
      altered(data, {.modalities = Modalities::text, .missing_as = MissingAs::mean});
  EXPECT_EQ(present(filled.has_image), 0);
}

TEST(AlterFeatures, ItemsLoseEachModalityByItself) {
  const auto lost = altered(large(), {.lose = 0.3});
  const double text = 1 - double(present(lost.has_text)) / 4000,
               image = 1 - double(present(lost.has_image)) / 4000;
  double both = 0;
  for (std::size_t i = 0; i < 4000; ++i) both += lost.has_text[i] == 0 && lost.has_image[i] == 0;
  EXPECT_NEAR(text, 0.3, 5 * std::sqrt(0.21 / 4000));
  EXPECT_NEAR(image, 0.3, 5 * std::sqrt(0.21 / 4000));
  EXPECT_NEAR(both / 4000, 0.09, 5 * std::sqrt(0.09 * 0.91 / 4000));
  EXPECT_EQ(altered(large(), {.lose = 0.3}).has_text, lost.has_text);
  EXPECT_NE(altered(large(), {.lose = 0.3}, 1).has_text, lost.has_text);
}

TEST(AlterFeatures, WhatStandsForAMissingModality) {
  auto data = large();
  data.has_text[5] = data.has_text[9] = 0;
  data.text.row(5)[0] = 1e6f;  // of no item
  std::vector<double> mean(10, 0.0);
  for (std::int64_t i = 0; i < data.items; ++i)
    for (std::size_t k = 0; k < 10 && data.has_text[std::size_t(i)] != 0; ++k)
      mean[k] += double(data.text.row(i)[k]) / double(data.items - 2);
  const auto by_mean = altered(data, {.missing_as = MissingAs::mean}),
             by_zero = altered(data, {.missing_as = MissingAs::zero});
  for (std::size_t k = 0; k < 10; ++k) {
    EXPECT_NEAR(by_mean.text.row(5)[k], mean[k], 1e-5);
    EXPECT_EQ(by_mean.text.row(9)[k], by_mean.text.row(5)[k]);
    EXPECT_EQ(by_zero.text.row(5)[k], 0.0f);
  }
  EXPECT_EQ(present(by_mean.has_text), data.items);
  EXPECT_EQ(present(by_zero.has_text), data.items);
  EXPECT_TRUE(std::equal(data.text.row(6), data.text.row(9), by_mean.text.row(6)));
}

TEST(AlterFeatures, NoiseIsInStandardDeviationsOfTheModality) {
  auto data = large();
  data.has_text[3] = 0;
  const auto noisy = altered(data, {.noise = 0.5});
  double squares = 0, sum = 0;
  for (std::size_t k = 40; k < data.text.size(); ++k) {
    const double change = double(noisy.text.values[k]) - double(data.text.values[k]);
    sum += change;
    squares += change * change;
  }
  const double n = double(data.text.size() - 40);
  EXPECT_NEAR(std::sqrt(squares / n), 0.5 * 2.0, 0.02);  // -3 .. 3: standard deviation 2
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_TRUE(std::equal(data.text.row(3), data.text.row(4), noisy.text.row(3)));
  EXPECT_NE(altered(data, {.noise = 0.5}, 1).text.values, noisy.text.values);
}

TEST(AlterFeatures, EveryRankHasTheSame) {
  const auto comm = Comm::world();
  const test::SmallData small;
  const FeatureOptions options{.lose = 0.4, .missing_as = MissingAs::mean, .noise = 0.3};
  const auto alone = altered(small.alone(), options),
             shared = altered(small.together(comm), options);
  EXPECT_EQ(alone.text.values, shared.text.values);
  EXPECT_EQ(alone.image.values, shared.image.values);
}

}  // namespace
}  // namespace fedfuse
