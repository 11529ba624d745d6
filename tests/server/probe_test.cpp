// server/probe and server/upload_ids: what uploads tell, on any number of ranks, after a restart.
#include "server/probe.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "server/federation.hpp"
#include "server/upload_ids.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

Config probed(const std::string& backbone, const std::string& fusion) {
  auto config = test::small_config(backbone, fusion);
  config.federation.fraction = 1.0;
  config.privacy.probe_clients = 30;
  return config;
}

std::vector<ProbeReport> reports(const Config& config, const Dataset& data, const Comm& comm,
                                 int rounds) {
  Federation federation(config, data, comm, 1);
  std::vector<ProbeReport> all;
  for (int r = 1; r <= rounds; ++r) all.push_back(federation.run_round(r).probe.value());
  return all;
}

TEST(Probe, TheAreaIsTheShareOfOrderedPairs) {
  const Rng rng(3, Purpose::test);
  for (std::uint32_t trial = 0; trial < 50; ++trial) {
    std::vector<double> score;
    std::vector<std::uint8_t> positive;
    for (std::uint32_t k = 0; k < 30; ++k) {
      score.push_back(double(rng.words(trial, 0, k)[0] % 9));  // with ties
      positive.push_back(std::uint8_t(rng.words(trial, 1, k)[0] % 3 == 0));
    }
    double ordered = 0, pairs = 0;
    for (std::size_t a = 0; a < score.size(); ++a)
      for (std::size_t b = 0; b < score.size(); ++b) {
        if (positive[a] == 0 || positive[b] != 0) continue;
        ++pairs;
        ordered += score[a] > score[b] ? 1 : score[a] == score[b] ? 0.5 : 0;
      }
    EXPECT_NEAR(area_under_curve(score, positive), ordered / pairs, 1e-12);
  }
  EXPECT_TRUE(std::isnan(area_under_curve({1, 2}, {1, 1})));
}

TEST(Probe, TheFirstDirectionSeparatesTwoSidesTheSmallerOneAbove) {
  Matrix<double> rows(9, 3);
  for (std::int64_t i = 0; i < 9; ++i) {
    const double side = i < 2 ? 4 : -1;
    rows(i, 0) = -side;
    rows(i, 1) = 2 * side;
    rows(i, 2) = 0.1 * double(i % 3);
  }
  const auto score = along_first_direction(rows);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(score[i] > 0, i < 2) << i;
}

// A plain upload gives the positives away, whatever the backbone; ids alone do after some rounds.
TEST(Probe, APlainUploadTellsThePositives) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto& [backbone, fusion] :
       {std::pair{"fcf", "none"}, {"pfedrec", "none"}, {"fedavg", "none"}, {"fcf", "mlp"}}) {
    const auto all = reports(probed(backbone, fusion), data, Comm::self(), 3);
    EXPECT_GT(all[0].auc_rows, 0.98) << backbone << "+" << fusion;
    EXPECT_GT(all[0].precision_rows, 0.9) << backbone << "+" << fusion;
    EXPECT_EQ(std::isnan(all[0].auc_head), std::string(backbone) != "fedavg") << backbone;
    EXPECT_GT(all[1].precision_ids, all[0].precision_ids);
    EXPECT_GT(all[2].precision_ids, all[1].precision_ids);
  }
}

TEST(Probe, MuchNoiseOnUploadsStopsIt) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = probed("fcf", "none");
  config.privacy.upload_noise = UploadNoise::gaussian;
  config.privacy.upload_noise_scale = 100;
  EXPECT_NEAR(reports(config, data, Comm::self(), 1)[0].auc_rows, 0.5, 0.1);
}

TEST(Probe, SaysTheSameOnAnyRanksAndChangesNothing) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  auto config = probed("fedncf", "none");
  config.model.head = HeadKind::linear;
  config.federation.fraction = 0.6;
  config.privacy.upload_ids = UploadIds::padded;
  config.privacy.upload_padding = 9;
  const auto one = reports(config, alone, Comm::self(), 3),
             many = reports(config, shared, world, 3);
  for (std::size_t r = 0; r < one.size(); ++r) {
    EXPECT_EQ(one[r].auc_rows, many[r].auc_rows);
    EXPECT_EQ(one[r].auc_head, many[r].auc_head);
    EXPECT_EQ(one[r].precision_ids, many[r].precision_ids);
  }
  Federation with(config, alone, Comm::self(), 1);
  config.privacy.probe_clients = 0;
  config.privacy.upload_ids = UploadIds::touched;
  Federation without(config, alone, Comm::self(), 1);
  for (int r = 1; r <= 2; ++r) {
    EXPECT_TRUE(with.run_round(r).probe.has_value());
    EXPECT_FALSE(without.run_round(r).probe.has_value());
  }
  EXPECT_TRUE(with.global() == without.global());
}

// Rounds before a restart are drawn again.
TEST(Probe, IdsOfEarlierRoundsNeedNoState) {
  const test::SmallData small;
  const auto data = small.alone();
  const auto config = probed("fcf", "none");
  const auto spec = resolve(config);
  Federation federation(config, data, Comm::self(), 1);
  const auto local = sample_participants(config, data, 3);
  const Distillation nothing;
  const RoundInputs third{3, federation.global(), federation.state(), nothing};
  Probe late(config, spec, data, {}), early(config, spec, data, {});
  const RoundInputs first{1, federation.global(), federation.state(), nothing};
  static_cast<void>(early.read(sample_participants(config, data, 1), first, Comm::self()));
  EXPECT_EQ(late.read(local, third, Comm::self()).precision_ids,
            early.read(local, third, Comm::self()).precision_ids);
}

TEST(UploadIds, PaddingIsTheSameInAllRoundsAndHidesAmongItself) {
  Config config;
  config.privacy.upload_padding = 20;
  const auto padding = padding_of(config, 7, 60);
  EXPECT_EQ(padding.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(padding));
  EXPECT_EQ(padding, padding_of(config, 7, 60));
  EXPECT_NE(padding, padding_of(config, 8, 60));
  EXPECT_EQ(padding_of(config, 7, 11).size(), 11u);

  const test::SmallData small;
  const auto data = small.alone();
  auto probe = probed("fcf", "none");
  const auto plain = reports(probe, data, Comm::self(), 3)[2];
  probe.privacy.upload_ids = UploadIds::padded;
  probe.privacy.upload_padding = 40;
  const auto padded = reports(probe, data, Comm::self(), 3)[2];
  EXPECT_LT(padded.precision_ids, 0.6 * plain.precision_ids);
  EXPECT_EQ(padded.auc_rows, plain.auc_rows);
  probe.privacy.upload_ids = UploadIds::dense;
  EXPECT_LT(reports(probe, data, Comm::self(), 1)[0].precision_ids, 0.25);
}

TEST(UploadIds, RowsThatAreSentCount) {
  Config config;
  EXPECT_EQ(rows_sent(config, 10, 100), 10);
  config.privacy.upload_ids = UploadIds::padded;
  config.privacy.upload_padding = 30;
  EXPECT_EQ(rows_sent(config, 10, 100), 40);
  EXPECT_EQ(rows_sent(config, 90, 100), 100);
  config.privacy.upload_ids = UploadIds::dense;
  EXPECT_EQ(rows_sent(config, 10, 100), 100);
}

}  // namespace
}  // namespace fedfuse
