// server/secure_sum and the words of RoundSums: the masked sum has the bits of the plain one with
// clients gone, on any ranks and threads; a wrong mask is found; too few partners refuse a round.
#include "server/secure_sum.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "core/error.hpp"
#include "secure/agreement.hpp"
#include "server/federation.hpp"
#include "tests/server/model_after.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::after;

Config config_of(const std::string& backbone, const std::string& fusion, SecureSumKind sum,
                 double dropout, ItemUpdate rule = ItemUpdate::counts) {
  auto config = test::small_config(backbone, fusion, rule);
  config.secure.sum = sum;
  config.secure.degree = 10;
  config.secure.threshold = 4;
  config.secure.clients = 20;
  config.secure.window = 64;
  if (dropout > 0) {
    config.participation.devices = ClientDevices::equal;
    config.participation.dropout = dropout;
  }
  return config;
}

// The whole check runs inside each round: a word that differs ends it.
TEST(SecureSum, HasTheBitsOfThePlainSumAndChangesNoModel) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto sum : {SecureSumKind::check, SecureSumKind::sample})
    for (const double dropout : {0.0, 0.2})
      for (const auto& [backbone, fusion] : {std::pair{"fcf", "none"},
                                             {"fedncf", "mlp"},
                                             {"fedavg", "none"},
                                             {"pfedrec", "fedvlr"}}) {
        auto config = config_of(backbone, fusion, sum, dropout);
        const auto masked = after(config, data, world, 2);
        config.secure.sum = SecureSumKind::none;
        EXPECT_TRUE(masked == after(config, data, world, 1)) << backbone << "+" << fusion;
      }
}

TEST(SecureSum, ReportsTheSameOnAnyRanks) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto kind : {SecureSumKind::check, SecureSumKind::sample}) {
    const auto config = config_of("fcf", "none", kind, 0.2);
    Federation one(config, alone, self, 1), many(config, shared, world, 2);
    std::int64_t gone = 0;
    for (int round = 1; round <= 3; ++round) {
      const auto a = one.run_round(round).secure.value(), b = many.run_round(round).secure.value();
      EXPECT_EQ(a.clients, b.clients);
      EXPECT_EQ(a.gone, b.gone);
      EXPECT_EQ(a.words, b.words);
      EXPECT_EQ(a.masks, b.masks);
      EXPECT_FALSE(a.refused);
      EXPECT_EQ(a.masks, (a.clients - a.gone) * 11);
      EXPECT_EQ(a.words, kind == SecureSumKind::check ? 64 : one.secure_sum()->upload_words());
      gone += a.gone;
    }
    EXPECT_GT(gone, 0);
  }
}

// Adds 1 to a word once.
std::atomic<int> calls_left = 0;
void wrong_once(const mask::Problem& problem) {
  mask::production().run(problem);
  if (--calls_left == 0 && !problem.words.empty()) ++problem.words.front();
}

TEST(SecureSum, FindsAWrongWord) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto kind : {SecureSumKind::check, SecureSumKind::sample})
    for (const int call : {1, 17, 30}) {  // of a client, and of the server
      const auto config = config_of("fcf", "none", kind, 0.2);
      Kernels kernels;
      kernels.mask = wrong_once;
      Federation federation(config, data, Comm::self(), 1, kernels);
      calls_left = call;
      try {
        (void)federation.run_round(1);
        FAIL() << "a wrong word was not found";
      } catch (const InternalError& error) {
        EXPECT_NE(std::string(error.what()).find("1 of "), std::string::npos) << error.what();
      }
    }
}

TEST(SecureSum, TooFewPartnersRefuseTheRoundAndNothingIsCommitted) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = config_of("fcf", "none", SecureSumKind::check, 0.3);
  config.secure.threshold = 10;
  Federation federation(config, data, world, 1);
  const auto before = federation.global();
  const auto report = federation.run_round(1);
  EXPECT_TRUE(report.secure->refused);
  EXPECT_EQ(report.participants, 0);
  EXPECT_TRUE(std::isnan(report.loss));
  EXPECT_TRUE(federation.global() == before);
  EXPECT_GT(federation.participation()->now(), 0);
}

TEST(SecureSum, TooFewClientsForAGraphAreRefused) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "none", SecureSumKind::sample, 0);
  config.secure.clients = 10;
  EXPECT_THROW(Federation(config, data, Comm::self(), 1), InputError);
  config.secure.degree = config.secure.threshold = 0;
  config.secure.corrupt = 0.4;
  EXPECT_THROW(Federation(config, data, Comm::self(), 1), InputError);
}

// Any window of the vector is that part of the whole, and the sum over the clients is the sums'.
TEST(RoundSumsWords, AreWhatAddAdds) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto& [backbone, fusion, rule] : {std::tuple{"fedncf", "none", ItemUpdate::counts},
                                               {"fedavg", "none", ItemUpdate::mean},
                                               {"fedncf", "fedvlr", ItemUpdate::counts}}) {
    const auto config = test::small_config(backbone, fusion, rule);
    const auto spec = resolve(config);
    const Federation federation(config, data, world, 1);
    Sampler sampler(config, data, {});
    LocalTrainer trainer(config, spec, data, sampler);
    RoundSums sums(spec, data.items, RoundWeight(data.clients * 100));
    std::vector<std::uint64_t> whole(std::size_t(sums.words())), got = whole;
    for (std::int64_t u = 0; u < data.local_clients(); ++u) {
      const auto& update = trainer.train(u, 1, federation.global(), federation.state(), {});
      const auto weight = weight_of(spec, data, u);
      ASSERT_TRUE(sums.add(update, weight));
      sums.add_words(update, weight, 0, whole);
      for (const std::size_t first : {std::size_t(0), std::size_t(37), whole.size() - 20}) {
        std::vector<std::uint64_t> all(whole.size()), part(20);
        sums.add_words(update, weight, 0, all);
        sums.add_words(update, weight, std::int64_t(first), part);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + std::int64_t(first)));
      }
    }
    sums.reduce(world);
    world.sum({reinterpret_cast<std::int64_t*>(whole.data()), whole.size()});
    sums.copy_words(0, got);
    EXPECT_EQ(got, whole) << backbone << "+" << fusion;
    std::vector<std::uint64_t> part(30);
    sums.copy_words(11, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 11));
  }
}

}  // namespace
}  // namespace fedfuse
