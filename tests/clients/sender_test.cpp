// clients/sender and clients/attackers: who attacks, what each attack sends, the papers' noise, and
// that the clip bounds an attacker, too.
#include "clients/sender.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clients/attackers.hpp"
#include "core/error.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

struct Sent {
  std::vector<std::int32_t> items;
  std::vector<float> rows, head;
  bool operator==(const Sent&) const = default;
};

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() : data(small.alone()) {
    config.model.backbone = "fedncf";
    config.model.head = HeadKind::linear;
    config.model.dim = 8;
    config.attack.share = 1;
  }
  // A parcel of every item, with the same numbers for each client.
  Sent parcel() const {
    Sent sent;
    for (std::int32_t i = 0; i < data.items; ++i) sent.items.push_back(i);
    const Rng rng(1, Purpose::test);
    for (std::uint32_t k = 0; k < data.items * 8; ++k)
      sent.rows.push_back(float(rng.normal(0, 0, k)));
    for (std::uint32_t k = 0; k < 9; ++k) sent.head.push_back(float(rng.normal(1, 0, k)));
    return sent;
  }
  Sent send(std::int64_t local, std::int64_t round = 1) const {
    const auto spec = resolve(config);
    Sender sender(config, spec, data);
    auto made = parcel();
    Parcel p{made.items, made.rows, made.head};
    sender.send(local, round, p);
    return {{p.items.begin(), p.items.end()},
            {p.rows.begin(), p.rows.end()},
            {p.head.begin(), p.head.end()}};
  }
  test::SmallData small;
  Dataset data;
  Config config;
};

TEST_F(SenderTest, WithoutOptionsAParcelKeepsItsBits) { EXPECT_EQ(send(3), parcel()); }

TEST_F(SenderTest, AttackersAreAShareOfTheClientsAndTheSameInAllRounds) {
  config.attack.kind = Attack::sign_flip;
  config.attack.share = 0.2;
  int attackers = 0;
  for (std::int64_t id = 0; id < 10000; ++id) attackers += is_attacker(config, id) ? 1 : 0;
  EXPECT_NEAR(attackers, 2000, 5 * std::sqrt(1600.0));
  for (std::int64_t u = 0; u < data.local_clients(); ++u)
    EXPECT_EQ(send(u) != parcel(), is_attacker(config, data.client_ids[std::size_t(u)]));
  config.attack.kind = Attack::none;
  EXPECT_FALSE(is_attacker(config, 0));
}

TEST_F(SenderTest, EachAttackSendsWhatItsNameSays) {
  const auto honest = parcel();
  config.attack.boost = 3;
  config.attack.kind = Attack::sign_flip;
  const auto flipped = send(0);
  for (std::size_t k = 0; k < honest.rows.size(); ++k)
    EXPECT_EQ(flipped.rows[k], -3 * honest.rows[k]);
  EXPECT_EQ(flipped.head[2], -3 * honest.head[2]);

  config.attack.kind = Attack::gaussian;
  const auto noise = send(0);
  double cross = 0, square = 0, of_honest = 0;
  for (std::size_t k = 0; k < honest.rows.size(); ++k) {
    cross += double(noise.rows[k]) * honest.rows[k];
    square += double(noise.rows[k]) * noise.rows[k];
    of_honest += double(honest.rows[k]) * honest.rows[k];
  }
  EXPECT_NEAR(square / of_honest, 9, 2.5);
  EXPECT_LT(std::abs(cross) / std::sqrt(square * of_honest), 0.25);

  config.attack.kind = Attack::boost_item;
  config.attack.item = 5;
  const auto pushed = send(0);
  EXPECT_EQ(pushed.items, std::vector<std::int32_t>{5});
  const auto positives = data.positives(0);
  for (std::size_t k = 0; k < 8; ++k) {
    double mean = 0;
    for (const auto i : positives) mean += honest.rows[std::size_t(i) * 8 + k];
    EXPECT_NEAR(pushed.rows[k], 3 * mean / double(positives.size()), 1e-5);
  }
  EXPECT_EQ(pushed.head, std::vector<float>(9, 0.0f));

  config.attack.kind = Attack::label_flip;
  config.attack.boost = 1;
  EXPECT_EQ(send(0), honest);  // it trains on other labels
  EXPECT_TRUE(Sender(config, resolve(config), data).flips_labels(0));
}

TEST_F(SenderTest, TheClipBoundsAnAttackerToo) {
  config.attack.kind = Attack::boost_item;
  config.attack.boost = 1e6;
  config.privacy.clip = 0.5;
  double norm = 0;
  for (const float x : send(0).rows) norm += double(x) * x;
  EXPECT_LE(std::sqrt(norm), 0.5 * (1 + 1e-6));
  EXPECT_GT(std::sqrt(norm), 0.5 * (1 - 1e-4));
}

TEST_F(SenderTest, TheRarestItemIsPushedUnlessOneIsGiven) {
  const auto item = attacked_item(config, data);
  ASSERT_GE(item, 0);
  EXPECT_GT(data.popularity[std::size_t(item)], 0);
  for (const auto count : data.popularity)
    EXPECT_TRUE(count == 0 || count >= data.popularity[std::size_t(item)]);
  config.attack.item = data.items;
  EXPECT_THROW(static_cast<void>(attacked_item(config, data)), InputError);
}

TEST_F(SenderTest, UploadNoiseHasItsShapeAndIsNewForEachClientAndRound) {
  const auto honest = parcel();
  for (const auto kind : {UploadNoise::laplace, UploadNoise::gaussian}) {
    config.privacy.upload_noise = kind;
    config.privacy.upload_noise_scale = 0.1;
    double square = 0, fourth = 0, cross = 0, count = 0;
    for (std::int64_t u = 0; u < data.local_clients(); ++u)
      for (std::int64_t round = 1; round <= 20; ++round) {
        const auto a = send(u, round);
        const auto b = send(u, round + 1);
        for (std::size_t k = 0; k < honest.rows.size(); ++k) {
          const double x = (a.rows[k] - honest.rows[k]) / 0.1;
          square += x * x;
          fourth += x * x * x * x;
          cross += x * (b.rows[k] - honest.rows[k]) / 0.1;
          ++count;
        }
      }
    ASSERT_GT(count, 3e5);
    const double variance = kind == UploadNoise::laplace ? 2 : 1;
    const double kurtosis = kind == UploadNoise::laplace ? 6 : 3;
    EXPECT_NEAR(square / count, variance, 0.03) << kind;
    EXPECT_NEAR(fourth / count / variance / variance, kurtosis, 0.4) << kind;
    EXPECT_NEAR(cross / count, 0, 5 * variance / std::sqrt(count)) << kind;
  }
}

}  // namespace
}  // namespace fedfuse
