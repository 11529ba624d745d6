// server/round with clip, noise and Poisson sampling: the same bits for any ranks, threads and
// uploads; noise on every number of the model, once; the clip holds over rows and head together.
#include <gtest/gtest.h>

#include <cmath>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/model_after.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::after;

constexpr double clip = 0.05, multiplier = 2.0;

Config private_config(const std::string& backbone, const std::string& fusion, Sampling sampling) {
  auto config = test::small_config(backbone, fusion);
  config.federation.weight_decay = 0;
  config.federation.sampling = sampling;
  config.privacy.clip = clip;
  config.privacy.noise_multiplier = multiplier;
  return config;
}

double mean_square(const Matrix<float>& a, const Matrix<float>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += std::pow(double(a.values[k]) - double(b.values[k]), 2);
  return sum / double(a.size());
}

TEST(RoundPrivacy, SameBitsForAnyRanksThreadsAndUploads) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto sampling : {Sampling::fixed, Sampling::poisson})
    for (const double z : {0.0, multiplier})
      for (const auto& [backbone, fusion] :
           {std::pair{"pfedrec", "none"}, {"fedrap", "mlp"}, {"fedncf", "fedvlr"}}) {
        auto config = private_config(backbone, fusion, sampling);
        config.privacy.noise_multiplier = z;
        config.execution.uploads = UploadMode::store;
        const auto one = after(config, alone, self, 1);
        config.execution.uploads = UploadMode::replay;
        EXPECT_TRUE(one == after(config, shared, world, 2))
            << backbone << "+" << fusion << " " << sampling << " z " << z;
      }
}

// The clip bounds the second pass as well: what a group sums is what the round sums.
TEST(RoundPrivacy, GroupsSeeTheBoundedRows) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  auto config = private_config("fedncf", "gfmfr", Sampling::fixed);
  config.privacy.noise_multiplier = 0;
  config.execution.uploads = UploadMode::store;
  const auto one = after(config, alone, self, 1);
  config.execution.uploads = UploadMode::replay;
  EXPECT_TRUE(one == after(config, shared, world, 2));
}

// The table of a noisy round is that of the round without noise, plus noise of z C / W on every
// number: also on rows that nobody touched, and only once on any number of ranks.
TEST(RoundPrivacy, NoiseOfTheStatedSizeIsOnEveryNumberOnce) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto sampling : {Sampling::fixed, Sampling::poisson}) {
    auto config = private_config("fcf", "none", sampling);
    const auto noisy = after(config, data, world, 1, 1);
    config.privacy.noise_multiplier = 0;
    const auto plain = after(config, data, world, 1, 1);
    const auto &a = noisy.views.front(), &b = plain.views.front();
    const double participants = 0.8 * 40;
    const double want = std::pow(multiplier * clip / participants, 2);
    EXPECT_NEAR(mean_square(a, b) / want, 1, 5 * std::sqrt(2.0 / double(a.size())));
    for (std::int64_t i = 0; i < a.rows; ++i) EXPECT_NE(a(i, 0), b(i, 0)) << "row " << i;
  }
}

TEST(RoundPrivacy, OneClientMovesTheSumByNoMoreThanC) {
  const auto self = Comm::self();
  const test::SmallData small;
  const auto data = small.alone();
  auto config = private_config("fedncf", "none", Sampling::poisson);
  config.privacy.noise_multiplier = 0;
  config.federation.fraction = 0.03;  // few, so that rounds of one client come
  int rounds_of_one = 0;
  for (std::uint64_t seed = 1; seed < 12; ++seed) {
    config.federation.seed = seed;
    Federation federation(config, data, self, 1);
    const auto before = federation.global();
    const auto report = federation.run_round(1);
    const auto& now = federation.global();
    double moved =
        mean_square(now.views.front(), before.views.front()) * double(now.views.front().size());
    for (std::size_t k = 0; k < now.theta.size(); ++k)
      moved += std::pow(double(now.theta[k]) - double(before.theta[k]), 2);
    const double expected = 0.03 * 40;  // what means are over, whoever came
    EXPECT_LE(std::sqrt(moved) * expected, clip * double(report.participants) * (1 + 1e-4));
    if (report.participants == 0) {
      EXPECT_TRUE(now == before);
      EXPECT_TRUE(std::isnan(report.loss));
    }
    if (report.participants != 1) continue;
    ++rounds_of_one;
    EXPECT_NEAR(std::sqrt(moved) * expected, clip, 1e-3 * clip);
    EXPECT_EQ(report.norms.clipped_share, 1.0);
    EXPECT_GT(report.norms.largest, clip);
  }
  EXPECT_GT(rounds_of_one, 0);
}

// That nobody came must not show: noise comes all the same.
TEST(RoundPrivacy, ARoundOfNobodyGetsItsNoise) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = private_config("fcf", "none", Sampling::poisson);
  config.federation.fraction = 1e-9;
  Federation federation(config, data, Comm::self(), 1);
  const auto before = federation.global();
  EXPECT_EQ(federation.run_round(1).participants, 0);
  EXPECT_GT(mean_square(federation.global().views.front(), before.views.front()), 0);
}

// A bound that nobody reaches moves a head by its change instead of replacing it: within rounding
// the same model.
TEST(RoundPrivacy, AWideBoundChangesNothing) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = private_config("fedncf", "none", Sampling::fixed);
  config.privacy = {};
  const auto plain = after(config, data, Comm::self(), 1);
  config.privacy.clip = largest_clip;
  const auto wide = after(config, data, Comm::self(), 1);
  EXPECT_LT(mean_square(plain.views.front(), wide.views.front()), 1e-12);
  for (std::size_t k = 0; k < plain.theta.size(); ++k)
    EXPECT_NEAR(plain.theta[k], wide.theta[k], 1e-5);
}

}  // namespace
}  // namespace fedfuse
