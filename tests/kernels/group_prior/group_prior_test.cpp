// The teacher of the group prior against the naive form in double, the naive form against
// differences, and the same bits however items are cut and whatever the threads.
#include "kernels/group_prior/group_prior.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/rng.hpp"
#include "kernels/group_prior/gradient_sum.hpp"
#include "kernels/group_prior/group_prior_case.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using group_prior::Case;
using group_prior::CaseShape;
using group_prior::GradientSum;
using group_prior::Result;

std::vector<CaseShape> shapes() {
  const std::vector<CaseShape> all{{.items = 37, .features = 3, .hidden = 5, .groups = 4},
                                   {.items = 1, .features = 1, .hidden = 1, .groups = 1},
                                   {.items = 5, .features = 16, .hidden = 32, .groups = 1},
                                   {.items = 300, .features = 20, .hidden = 17, .groups = 9},
                                   {.items = 257, .features = 64, .hidden = 128, .groups = 3},
                                   {.items = 560, .features = 30, .hidden = 24, .groups = 20},
                                   {.items = 290, .features = 7, .groups = 5, .untouched = true},
                                   {.items = 64, .features = 270, .hidden = 8, .groups = 33}};
  return test::with_asked_seed(all);
}

// |x - y| <= tolerance * the largest |y| of the array.
void expect_near(std::span<const double> got, std::span<const double> want, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 0;
  for (const double x : want) largest = std::max(largest, std::abs(x));
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_NEAR(got[k], want[k], tolerance * largest) << what << " [" << k << "]";
}

TEST(GroupPrior, TheNaiveFormAgreesWithDifferences) {
  auto few = shapes()[0];
  few.untouched = true;
  for (const auto& shape : {shapes()[0], shapes()[1], shapes()[2], few}) {
    constexpr double step = 1e-6;
    const Case input(shape);
    const auto p = input.problem();
    Result at, beside;
    group_prior::reference(p, at);
    const std::vector<double> parameters(input.parameters.begin(), input.parameters.end());
    for (const auto& e : input.layout.entries)
      for (std::size_t k = 0; k < e.size(); k += 1 + e.size() / 40) {
        auto w = parameters;
        w[e.at + k] = parameters[e.at + k] + step;
        group_prior::reference(p, w, beside);
        const double above = beside.loss;
        w[e.at + k] = parameters[e.at + k] - step;
        group_prior::reference(p, w, beside);
        EXPECT_NEAR(at.gradient[e.at + k], (above - beside.loss) / (2 * step), 2e-8)
            << input.name() << " " << e.name << " " << k;
      }
  }
}

TEST(GroupPrior, EveryVariantAgreesWithTheNaiveForm) {
  for (const auto& shape : shapes()) {
    const Case input(shape);
    Result want;
    group_prior::reference(input.problem(), want);
    for (const auto& variant : test::runnable(group_prior::variants())) {
      SCOPED_TRACE(std::string(variant.name) + " " + input.name());
      Result got;
      variant.run(input.problem(), got);
      EXPECT_NEAR(got.loss, want.loss, 1e-6 * want.loss);
      expect_near(got.logits, want.logits, 2e-6, "L");
      for (const auto& e : input.layout.entries)
        expect_near(std::span(got.gradient).subspan(e.at, e.size()),
                    std::span(want.gradient).subspan(e.at, e.size()), 1e-5, e.name);
    }
  }
}

// A group without sums moves nothing of its own, to the last bit.
TEST(GroupPrior, AGroupWithoutSumsHasNoGradient) {
  const Case input({.items = 300, .features = 20, .hidden = 17, .groups = 9});
  Result got;
  group_prior::run_cpu(input.problem(), got);
  const auto& l = input.layout;
  EXPECT_EQ(got.gradient[l.b + 1], 0.0);
  EXPECT_NE(got.gradient[l.b + 2], 0.0);
  for (std::size_t k = 0; k < 17; ++k) {
    EXPECT_EQ(got.gradient[l.A + 17 + k], 0.0);
    EXPECT_EQ(got.gradient[l.V + 17 + k], 0.0);
  }
}

// An item without sums and without a part in the complement moves nothing: its features are free.
TEST(GroupPrior, AnItemWithoutAPartHasNoGradient) {
  Case input({.items = 300, .features = 20, .hidden = 17, .groups = 9, .untouched = true});
  Result with, without;
  group_prior::run_cpu(input.problem(), with);
  for (std::int64_t i = 1; i < 300; i += 3)
    for (std::int64_t k = 0; k < 20; ++k) input.Z(i, k) *= 0.5f;
  group_prior::run_cpu(input.problem(), without);
  EXPECT_EQ(with.loss, without.loss);
  EXPECT_EQ(with.gradient, without.gradient);
  EXPECT_NE(with.logits, without.logits);
}

// What ranks with the given ranges and so many threads have together.
Result together(const Case& input, const std::vector<std::int64_t>& cuts, int threads) {
  const test::Threads scope(threads);
  const auto p = input.problem();
  group_prior::Workspace workspace;
  std::vector<float> L(std::size_t(p.items * p.layout.G), std::nanf("")),
      gradient(p.layout.size, 0.0f);
  GradientSum sum(p.layout), rank(p.layout);
  sum.start(group_prior::sum_unit(p));
  for (std::size_t r = 0; r + 1 < cuts.size(); ++r) {
    const group_prior::Range mine{cuts[r], cuts[r + 1] - cuts[r]};
    rank.start(sum.unit());
    EXPECT_TRUE(group_prior::production().gradient(p, mine, workspace, rank));
    group_prior::production().logits(p, mine, workspace, L.data());
    sum.merge(rank);
  }
  sum.decode(p, gradient);
  return {sum.loss(), {L.begin(), L.end()}, {gradient.begin(), gradient.end()}};
}

TEST(GroupPrior, SameBitsForAnyRangesAndThreads) {
  const Case input({.items = 1100, .features = 20, .hidden = 24, .groups = 5});
  const auto whole = together(input, {0, 1100}, 1);
  const std::vector<std::vector<std::int64_t>> splits{
      {0, 1100}, {0, 256, 1100}, {0, 768, 768, 1024, 1100}};
  for (const auto& cuts : splits)
    for (const int threads : {1, 2, 3}) {
      const auto other = together(input, cuts, threads);
      EXPECT_EQ(other.loss, whole.loss);
      EXPECT_EQ(other.logits, whole.logits);
      EXPECT_EQ(other.gradient, whole.gradient);
    }
  EXPECT_THROW((void)together(input, {100, 1100}, 1), InternalError);
}

// The unit of the sums follows the parameters: large ones leave room for their parts, and small
// parts keep their bits.
TEST(GroupPrior, TheUnitOfTheSumsFollowsTheParameters) {
  for (const float factor : {1.0f, 0x1p-10f, 0x1p10f, 0x1p20f}) {
    Case input({.items = 300, .features = 20, .hidden = 24, .groups = 5});
    const auto& l = input.layout;
    for (std::size_t k = l.v; k < l.b; ++k) input.parameters[k] *= factor;
    Result want, got;
    group_prior::reference(input.problem(), want);
    group_prior::run_cpu(input.problem(), got);
    for (const auto& e : l.entries)
      expect_near(std::span(got.gradient).subspan(e.at, e.size()),
                  std::span(want.gradient).subspan(e.at, e.size()), 1e-5, e.name);
  }
  Case input({.items = 30, .features = 20, .hidden = 24, .groups = 5});
  EXPECT_EQ(std::ilogb(group_prior::sum_unit(input.problem())),
            std::ilogb(input.largest_row * std::sqrt(20.0)) - 50);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), 1e30f, std::numeric_limits<float>::infinity()})
    for (const auto& e : input.layout.entries) {
      if (e.name == "b" && bad == 1e30f) continue;  // its gradient is at most 1
      const float kept = input.parameters[e.at];
      input.parameters[e.at] = bad;
      EXPECT_EQ(group_prior::sum_unit(input.problem()), 0.0) << e.name << " " << bad;
      input.parameters[e.at] = kept;
    }
}

TEST(GroupPrior, WhatIsNotFiniteIsNoticed) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Case input({.items = 40, .features = 8, .hidden = 9, .groups = 3});
    input.S(37, 2) = bad;
    for (const auto& variant : test::runnable(group_prior::variants())) {
      Result got;
      EXPECT_THROW(variant.run(input.problem(), got), InternalError) << variant.name << " " << bad;
    }
  }
}

// A sum keeps parts of size 2^-20 whole, in any order, and counts flags.
TEST(GradientSum, KeepsItsPromise) {
  const group_prior::Layout layout(3, 5, 2);
  const group_prior::Padded at(layout);
  const Rng rng(test::seed(3), Purpose::test);
  std::vector<std::vector<float>> parts(50, std::vector<float>(at.size));
  std::vector<double> truth(at.size, 0);
  for (std::size_t b = 0; b < parts.size(); ++b)
    for (std::size_t k = 0; k < at.size; ++k) {
      parts[b][k] = float(std::ldexp(rng.normal(b, std::uint32_t(k), 0), -int(k % 18)));
      truth[k] += parts[b][k];
    }
  const auto sum = [&](bool backwards) {
    GradientSum first(layout), second(layout);
    first.start(0x1p-44);
    second.start(0x1p-44);
    for (std::size_t b = 0; b < parts.size(); ++b) {
      const auto& part = parts[backwards ? parts.size() - 1 - b : b];
      EXPECT_TRUE((b % 3 == 0 ? first : second).add(part, 0.25));
    }
    first.merge(second);
    EXPECT_EQ(first.reduce(Comm::self(), 3), 3);
    EXPECT_EQ(first.loss(), 12.5);
    return first;
  };
  const Case input({.items = 1, .features = 3, .hidden = 5, .groups = 2});
  std::vector<float> out(layout.size, 0.0f), other(layout.size, 0.0f);
  sum(false).decode(input.problem(), out);
  sum(true).decode(input.problem(), other);
  EXPECT_EQ(out, other);
  for (std::size_t k = 0; k < 5; ++k)
    for (std::size_t j = 0; j < 3; ++j) {
      const double want = truth[at.U + k * 16 + j];
      EXPECT_NEAR(out[layout.U + k * 3 + j], want, 0x1p-24 * std::abs(want) + 50 * 0x1p-45);
    }
  GradientSum small(layout);
  small.start(0x1p-44);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -0x1p8f}) {
    parts[0][at.V + 1] = bad;
    EXPECT_FALSE(small.add(parts[0], 0.0)) << bad;
  }
  EXPECT_FALSE(small.add(parts[1], std::nan("")));
}

}  // namespace
}  // namespace fedfuse
