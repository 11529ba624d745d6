// clients/local_round: what a client's turn reads of the server's teacher. How it trains is tested
// with the kernel.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "clients/local_round.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t groups = 5;

Matrix<float> drawn(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  const Rng rng(seed, Purpose::test);
  Matrix<float> m(rows, cols);
  for (std::size_t k = 0; k < m.values.size(); ++k)
    m.values[k] = float(rng.normal(1, 0, std::uint32_t(k)));
  return m;
}

// A prior of some groups, and every client's offsets of all items.
struct Priors {
  explicit Priors(const Dataset& data)
      : logits(drawn(data.items, groups, 1)),
        shares(drawn(data.local_clients(), groups, 2)),
        offsets(data.local_clients(), data.items) {
    for (std::int64_t u = 0; u < offsets.rows; ++u)
      for (std::int64_t i = 0; i < offsets.cols; ++i) {
        double sum = 0;
        for (std::int64_t l = 0; l < groups; ++l) sum += double(shares(u, l)) * logits(i, l);
        offsets(u, i) = float(sum);
      }
  }
  [[nodiscard]] Distillation as(PriorUse use, double lambda = 0) const {
    return {.lambda = lambda, .prior = {&logits, &shares, use}};
  }
  Matrix<float> logits, shares, offsets;
};

class LocalRound : public testing::Test {
 protected:
  LocalRound() : data(small.alone()) {
    global.views.push_back(drawn(data.items, spec.view_width, 3));
    global.theta.resize(std::size_t(spec.head.theta));
    state = init_client_state(spec, config, data);
  }
  // The second of two turns, so that scratch of another client is there.
  const LocalUpdate& train(std::int64_t u, const Distillation& distillation) {
    (void)trainer.train((u + 1) % data.local_clients(), 1, global, state, distillation);
    return trainer.train(u, 1, global, state, distillation);
  }

  const test::SmallData small;
  const Dataset data;
  const Config config = test::small_config("fcf", "none");
  const ModelSpec spec = resolve(config);
  GlobalModel global;
  ClientState state;
  const Sampler sampler{config, data};
  LocalTrainer trainer{config, spec, data, sampler};
};

double bce(double s, double y) {
  return std::log1p(std::exp(-std::abs(s))) + std::max(s, 0.0) - y * s;
}

// Nothing is trained and heads are zero: the loss is that of the offsets alone.
TEST_F(LocalRound, TheScoreOfAnItemHasItsOffset) {
  auto still = config;
  still.federation.lr = 0;
  still.federation.lr_items = 0;
  for (auto& x : state.theta.values) x = 0.0f;
  LocalTrainer frozen(still, spec, data, sampler);
  const Priors priors(data);
  for (const std::int64_t u : {0, 7, 39}) {
    const auto& update = frozen.train(u, 1, global, state, priors.as(PriorUse::prior));
    Samples samples;
    sampler.draw(u, 1, samples);
    double want = 0;
    for (std::size_t e = 0; e < samples.slot.size(); ++e)
      want += bce(priors.offsets(u, samples.items[std::size_t(samples.slot[e])]), samples.label[e]);
    want /= double(samples.slot.size());
    EXPECT_NEAR(update.outcome.loss_recommendation, want, 1e-5 * want) << u;
    EXPECT_EQ(update.outcome.loss_distillation, 0.0);
  }
}

void expect_same_bits(const LocalUpdate& a, const std::vector<float>& rows, double loss) {
  EXPECT_EQ(a.outcome.loss, loss);
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), a.rows));
}
std::vector<float> rows_of(const LocalUpdate& a, std::int64_t width) {
  return {a.rows, a.rows + std::int64_t(a.items.size()) * width};
}

// sigmoid(offset) as a soft label is what a group's preferences of these numbers are, also where
// only negatives are distilled; shares of one whole group are its logits; a prior of zeros is none.
TEST_F(LocalRound, IsWhatTheFormulasSay) {
  const Priors priors(data);
  for (const std::int64_t u : {0, 7, 39})
    for (const bool negatives_only : {false, true}) {
      Matrix<float> preferences(1, data.items);
      for (std::int64_t i = 0; i < data.items; ++i)
        preferences(0, i) = float(1.0 / (1.0 + std::exp(-double(priors.offsets(u, i)))));
      auto grouped = state;
      grouped.group.assign(grouped.group.size(), 0);
      const Distillation of_group{&preferences, 0.6, negatives_only, {}};
      (void)trainer.train(u, 1, global, grouped, of_group);
      const auto& want = trainer.train(u, 1, global, grouped, of_group);
      const auto rows = rows_of(want, spec.view_width);
      const auto loss = want.outcome;
      auto labels = priors.as(PriorUse::soft_labels, 0.6);
      labels.negatives_only = negatives_only;
      const auto& got = train(u, labels);
      EXPECT_GT(got.outcome.loss_distillation, 0.0);
      EXPECT_NEAR(got.outcome.loss, loss.loss, 1e-5);
      EXPECT_NEAR(got.outcome.loss_distillation, loss.loss_distillation, 1e-5);
      for (std::size_t k = 0; k < rows.size(); ++k) ASSERT_NEAR(got.rows[k], rows[k], 1e-4) << k;
    }
  const auto& none = train(5, {});
  const auto rows = rows_of(none, spec.view_width);
  const double loss = none.outcome.loss;
  const Matrix<float> zeros(data.items, groups);
  expect_same_bits(train(5, {.prior = {&zeros, &priors.shares, PriorUse::prior}}), rows, loss);
  EXPECT_NE(train(5, priors.as(PriorUse::prior)).outcome.loss, loss);
  expect_same_bits(train(5, {}), rows, loss);  // and it is gone in the next turn
}

// A loss that is not finite is found.
TEST_F(LocalRound, AnOffsetThatIsNotFiniteIsFound) {
  Priors priors(data);
  for (auto& x : priors.logits.values) x = INFINITY;
  EXPECT_FALSE(train(3, priors.as(PriorUse::prior)).finite);
}

}  // namespace
}  // namespace fedfuse
