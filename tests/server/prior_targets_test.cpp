// What the teacher of the group prior is fitted to: groups that are taught, and the complement.
#include "server/prior_targets.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fedfuse {
namespace {

constexpr std::int64_t M = 5, G = 2;

Matrix<float> sums() {
  Matrix<float> S(M, G);
  S(0, 0) = 3.0f;
  S(1, 0) = 1.0f;
  S(1, 1) = 2.0f;
  S(4, 1) = 6.0f;
  return S;  // nobody has items 2 and 3
}

struct Entered {
  Matrix<float> S{sums()};
  Config config;
  group_prior::Layout layout{1, 1, G};

  explicit Entered(PriorNegatives negatives) {
    config.prior.negatives = negatives;
    config.prior.least_mass = 1.0;
    config.federation.negatives_per_positive = 4;
  }
  [[nodiscard]] PriorTargets targets(const std::vector<double>& mass) const {
    return {S, mass, config};
  }
};

group_prior::Problem entered(const PriorTargets& targets, const group_prior::Layout& layout) {
  group_prior::Problem p{.layout = layout, .items = M};
  targets.enter(p);
  return p;
}

TEST(PriorTargets, AllItemsShareTheComplement) {
  const Entered s(PriorNegatives::all);
  const auto targets = s.targets({7.0, 7.0});
  const auto p = entered(targets, s.layout);
  EXPECT_EQ(p.S, s.S.data());
  EXPECT_EQ(p.c, nullptr);
  EXPECT_EQ(p.N[0], 4.0f * 4.0f / 5.0f);
  EXPECT_EQ(p.N[1], 4.0f * 8.0f / 5.0f);
  EXPECT_EQ(p.total, 5.0 * (4.0 + 8.0));
  EXPECT_EQ(targets.total(), p.total);
}

TEST(PriorTargets, UntouchedItemsCountNot) {
  const Entered s(PriorNegatives::touched);
  const auto targets = s.targets({7.0, 7.0});
  const auto p = entered(targets, s.layout);
  const std::vector<float> c(p.c, p.c + M);
  EXPECT_EQ(c, (std::vector<float>{1, 1, 0, 0, 1}));
  // the expected number of negatives is that of all items, on three instead of five
  EXPECT_EQ(p.N[0], 4.0f * 4.0f / 3.0f);
  EXPECT_EQ(p.N[1], 4.0f * 8.0f / 3.0f);
  EXPECT_EQ(p.total, 5.0 * (4.0 + 8.0));
}

// The sums of a light group count as 0; that somebody has an item is still known.
TEST(PriorTargets, LightGroupsAreLeftOut) {
  const Entered s(PriorNegatives::touched);
  const auto targets = s.targets({7.0, 0.5});
  const auto p = entered(targets, s.layout);
  EXPECT_EQ(p.N[1], 0.0f);
  EXPECT_EQ(p.total, 5.0 * 4.0);
  for (std::int64_t i = 0; i < M; ++i) {
    EXPECT_EQ(p.S[i * G], s.S(i, 0));
    EXPECT_EQ(p.S[i * G + 1], 0.0f);
  }
  EXPECT_EQ(p.c[4], 1.0f);
}

TEST(PriorTargets, NothingToTeachAndSumsThatAreNotFinite) {
  Entered s(PriorNegatives::touched);
  EXPECT_EQ(s.targets({0.5, 0.5}).total(), 0.0);
  s.S(2, 0) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(s.targets({7.0, 7.0}).total()));
  const Entered all(PriorNegatives::all);
  const Matrix<float> nothing(M, G);
  const std::vector<double> mass{7.0, 7.0};
  EXPECT_EQ(PriorTargets(nothing, mass, s.config).total(), 0.0);
  EXPECT_EQ(PriorTargets(nothing, mass, all.config).total(), 0.0);
}

}  // namespace
}  // namespace fedfuse
