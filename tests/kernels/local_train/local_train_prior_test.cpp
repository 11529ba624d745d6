// kernels/local_train with a prior of the score: finite differences of the reference, the variants
// against it.
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"
#include "core/text.hpp"
#include "kernels/local_train/local_train.hpp"
#include "tests/kernels/local_train/local_train_testing.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using namespace local_train;
using test::by_reference;
using test::by_variant;
using test::ClientCase;
using test::expect_same;
using test::random_case;

ClientCase with_prior(const test::Options& o, std::uint64_t seed) {
  auto c = random_case(o, seed);
  const Rng rng(seed, Purpose::test);
  for (std::uint32_t i = 0; i < std::uint32_t(c.client.items); ++i)
    c.client.prior.push_back(1.5 * rng.normal(3, 0, i));
  return c;
}

// As test::asked_case.
ClientCase asked_with_prior(const test::Options& o, std::uint64_t usual) {
  auto seed = test::seed(usual);
  auto c = with_prior(o, seed);
  if (seed != usual)
    while (test::stands_at_a_kink(c)) c = with_prior(o, seed += 1'000'003);
  return c;
}

TEST(LocalTrainPrior, GradientsAgainstFiniteDifferences) {
  for (const auto head : all_heads())
    for (const int views : {1, 3}) {
      const auto c = with_prior({head, 8, views, views == 1, false, 0, 0.5, false, 9, 9, 1}, 5);
      const auto& items = c.steps.items[0];
      const auto& labels = c.steps.labels[0];
      DenseClient g = c.client;
      for (auto* v : {&g.theta, &g.user, &g.router, &g.table}) v->assign(v->size(), 0.0);
      const double loss = reference_loss(c.shape, c.rates, c.client, items, labels, &g);
      auto without = c.client;
      without.prior.clear();
      EXPECT_GT(std::abs(loss - reference_loss(c.shape, c.rates, without, items, labels, nullptr)),
                1e-3);
      const auto check = [&](std::vector<double> DenseClient::* part, const char* what) {
        for (std::size_t k = 0; k < (c.client.*part).size(); k += 3) {
          const double h = 1e-6;
          DenseClient up = c.client, down = c.client;
          (up.*part)[k] += h;
          (down.*part)[k] -= h;
          const double slope = (reference_loss(c.shape, c.rates, up, items, labels, nullptr) -
                                reference_loss(c.shape, c.rates, down, items, labels, nullptr)) /
                               (2 * h);
          ASSERT_NEAR(slope, (g.*part)[k], 1e-7 + 1e-5 * std::abs(slope))
              << head << " views " << views << " " << what << " " << k;
        }
      };
      check(&DenseClient::theta, "theta");
      check(&DenseClient::user, "user");
      check(&DenseClient::router, "router");
      check(&DenseClient::table, "table");
    }
}

// Every step of every head: fast, of weight decay, general, routed; with soft labels or without.
TEST(LocalTrainPrior, VariantsAgainstReference) {
  const auto here = test::runnable(variants());
  std::uint64_t seed = 500;
  for (const auto head : all_heads())
    for (const int d : {8, 12, 64})
      for (const int views : {1, 3})
        for (const bool trained : {true, false})
          for (const bool personal : {false, true})
            for (const double lambda : {0.0, 0.7})
              for (const double decay : {0.0, 0.02}) {
                if ((views > 1 && trained) || (personal && head_layout(head, d).item_width > d))
                  continue;
                const auto c = asked_with_prior(
                    {head, d, views, trained, personal, decay, lambda, personal, 23, 9, 2}, ++seed);
                const auto want = by_reference(c);
                for (const auto& v : test::training(here, c.shape.head))
                  expect_same(c, want, by_variant(c, v), 2e-4,
                              cat(v.name, " ", head, " d ", d, " views ", views, " trained ",
                                  trained, " personal ", personal, " lambda ", lambda));
              }
}

// A prior of zeros is no prior, to the bit; one that is the same for all items is a larger bias.
TEST(LocalTrainPrior, OneThatSaysNothingChangesNothing) {
  const auto here = test::runnable(variants());
  for (const auto head : all_heads())
    for (const int views : {1, 3}) {
      auto c = random_case({head, 12, views, views == 1, false, 0.02, 0.7, false, 23, 9, 2}, 13);
      for (const auto& v : test::training(here, c.shape.head)) {
        c.client.prior.clear();
        const auto want = by_variant(c, v);
        c.client.prior.assign(40, 0.0);
        expect_same(c, want, by_variant(c, v), 0.0, cat(v.name, " ", head, " views ", views));
      }
    }
  auto shifted = random_case({HeadKind::linear, 12, 1, true, false, 0, 0, false, 23, 9, 2}, 14);
  auto biased = shifted;
  shifted.client.prior.assign(40, 0.75);
  const auto bias = std::size_t(shifted.shape.head.last_b);
  biased.client.theta[bias] += 0.75;
  for (const auto& v : test::training(here, shifted.shape.head)) {
    auto want = by_variant(biased, v);
    want.client.theta[bias] -= 0.75;
    expect_same(shifted, want, by_variant(shifted, v), 1e-4, std::string(v.name));
  }
}

}  // namespace
}  // namespace fedfuse
