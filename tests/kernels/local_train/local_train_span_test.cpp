// kernels/local_train: steps that are all the same batch, and rows that come back as their change.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/text.hpp"
#include "kernels/local_train/local_train.hpp"
#include "tests/kernels/local_train/local_train_testing.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using namespace local_train;
using test::Asked;
using test::by_reference;
using test::by_variant;
using test::ClientCase;
using test::expect_same;
using test::random_case;

// Entries by item, each item with one label. distinct: each item once.
ClientCase same_batch(const test::Options& o, bool distinct, std::uint64_t seed) {
  auto c = random_case(o, seed);
  for (std::size_t k = 0; k < c.steps.items.size(); ++k) {
    auto& items = c.steps.items[k];
    std::ranges::sort(items);
    if (distinct) items.erase(std::ranges::unique(items).begin(), items.end());
    auto& labels = c.steps.labels[k];
    labels.resize(items.size());
    std::ranges::transform(items, labels.begin(), [](auto item) { return item % 3 == 0; });
  }
  return c;
}

void expect_reference(const ClientCase& c, const Asked& asked, const std::string& what) {
  const auto want = by_reference(c);
  for (const auto& v : test::training(test::runnable(variants()), c.shape.head))
    expect_same(c, want, by_variant(c, v, asked), 2e-4, cat(v.name, ", ", what));
}

TEST(LocalTrainSpan, StepsOfOneBatchAgainstReference) {
  std::uint64_t seed = 40;
  for (const int d : {8, 12, 32, 64, 100, 128})
    for (const int samples : {1, 15, 16, 33, 60})
      for (const int epochs : {1, 2, 5, 32, 33})
        for (const bool distinct : {false, true}) {
          const auto c = same_batch(
              {HeadKind::linear, d, 1, true, false, 0, 0, false, samples, samples, epochs},
              distinct, ++seed);
          expect_reference(
              c, {!distinct, true, false},
              cat("d ", d, " samples ", samples, " epochs ", epochs, " distinct ", distinct));
        }
}

TEST(LocalTrainSpan, DecayTeacherAndPriorAgainstReference) {
  std::uint64_t seed = 400;
  for (const double decay : {0.0, 0.05})
    for (const double lambda : {0.0, 0.7})
      for (const bool negatives_only : {false, true})
        for (const bool by_sum : {false, true})
          for (const bool as_change : {false, true}) {
            auto c = same_batch({HeadKind::linear, 20, 1, true, false, decay, lambda,
                                 negatives_only, 40, 40, 6, by_sum},
                                false, ++seed);
            for (std::int64_t i = 0; i < c.client.items; ++i)
              c.client.prior.push_back(0.1 * double(i % 7) - 0.3);
            expect_reference(c, {true, true, as_change},
                             cat("decay ", decay, " lambda ", lambda, " negatives ", negatives_only,
                                 " by sum ", by_sum, " change ", as_change));
          }
}

TEST(LocalTrainSpan, EveryHeadReturnsTheChangeOfItsRows) {
  std::uint64_t seed = 900;
  for (const auto head : all_heads())
    for (const double decay : {0.0, 0.05}) {
      const auto c =
          test::asked_case({head, 16, 1, true, false, decay, 0, false, 23, 9, 2}, ++seed);
      expect_reference(c, {true, false, true}, cat(head, " decay ", decay));
    }
}

}  // namespace
}  // namespace fedfuse
