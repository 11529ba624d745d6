// The targets of the groups: every variant against the naive reference, and with the bits of every
// other one, in any order of a device's threads and on any number of the host's.
#include "kernels/group_targets/group_targets.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "core/gpu/simt.hpp"
#include "kernels/group_targets/group_targets_case.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using group_targets::Case;
using group_targets::CaseShape;

std::vector<CaseShape> shapes() {
  std::vector<CaseShape> all;
  for (const int views : {1, 2, 3})
    for (const auto& [groups, items, width] : {std::array{1, 1, 4}, {3, 7, 8}, {9, 300, 12}})
      all.push_back({.groups = groups,
                     .items = items,
                     .width = width,
                     .views = views,
                     .seed = test::seed(std::uint64_t(groups))});
  return all;
}

std::vector<float> made_by(Case& input, group_targets::Function run) {
  std::ranges::fill(input.targets, std::nanf(""));
  run(input.problem());
  return input.targets;
}

TEST(GroupTargets, EveryVariantAgreesWithTheReference) {
  for (const auto& shape : shapes()) {
    Case input(shape);
    const auto want = made_by(input, group_targets::reference);
    for (const auto& variant : test::runnable(group_targets::variants())) {
      const auto got = made_by(input, variant.run);
      for (std::size_t c = 0; c < want.size(); ++c)  // terms of at most 256
        ASSERT_NEAR(got[c], want[c], 0x1p-23 * (std::abs(want[c]) + 1e-6))
            << variant.name << " " << input.name() << " " << c;
    }
  }
}

TEST(GroupTargets, ProcessorAndDeviceHaveTheSameBits) {
  for (const auto& shape : shapes()) {
    Case input(shape);
    omp_set_num_threads(1);
    const auto want = made_by(input, group_targets::run_cpu);
    omp_set_num_threads(3);
    EXPECT_EQ(made_by(input, group_targets::run_cpu), want) << input.name();
    for (const auto& variant : test::runnable_on_devices(group_targets::variants()))
      for (const auto order :
           {simt::Order::ascending, simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 7, 2});
        EXPECT_EQ(made_by(input, variant.run), want) << variant.name << " " << input.name();
      }
    simt::set_schedule({});
  }
}

// A group without a member has the views' table, whatever stands in its sums.
TEST(GroupTargets, AGroupWithoutMembersReadsTheViewsAlone) {
  Case input({.groups = 2, .items = 3, .width = 4, .views = 1});
  input.factors = {0.0, 1.0, 0.5, 1.0};
  input.sums.assign(input.sums.size(), 6);
  const auto got = made_by(input, group_targets::run_cpu);
  for (std::size_t c = 0; c < 12; ++c) {
    EXPECT_EQ(got[c], input.views[c]);
    EXPECT_EQ(got[12 + c], float(3.0 + double(input.views[c])));
  }
}

}  // namespace
}  // namespace fedfuse
