// Every variant of the preference kernel against the naive reference in double (R4).
#include "kernels/preference/preference.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/simt.hpp"
#include "kernels/preference/preference_case.hpp"
#include "kernels/preference/preference_gpu.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::preference {
namespace {

const std::vector<Variant>& here() {
  static const auto some = test::runnable(variants());
  return some;
}

TEST(Preference, EveryVariantMatchesTheReference) {
  for (const auto& shape : shapes_to_test()) {
    Case c(shape, test::seed(1));
    auto problem = c.problem();
    std::vector<double> expected(c.pref().size());
    reference(problem, expected.data());
    ASSERT_LT(problem.tolerance(), 2e-4);
    double spread = 0;
    for (const auto& variant : here()) {
      if (!variant.serves(problem)) continue;
      std::ranges::fill(c.pref(), NAN);  // an element that is not written stays NaN
      variant.run(problem);
      for (std::size_t k = 0; k < expected.size(); ++k) {
        ASSERT_NEAR(c.pref()[k], expected[k], variant.tolerance(problem))
            << variant.name << " " << c.name() << " [" << k << "]";
        spread = std::max(spread, std::abs(expected[k] - 0.5));
      }
    }
    EXPECT_GT(spread, 0.01) << c.name();  // not a case in which everything is the same
  }
}

// Multiples of powers of two that half precision holds, intermediate rows too: only the float part
// of the error is left.
TEST(Preference, HalfPrecisionIsAsGoodAsFloatWhereNothingIsRounded) {
  for (auto shape : {Shape{75, 3, 32, 40, 56, 16, 0.2}, Shape{230, 5, 64, 64, 32, 8, 0.2},
                     Shape{70, 64, 128, 24, 64, 8, 0.0}}) {
    shape.exact_in_half = true;
    Case c(shape, test::seed(1));
    const auto problem = c.problem();
    std::vector<double> expected(c.pref().size());
    reference(problem, expected.data());
    for (const auto& variant : here()) {
      std::ranges::fill(c.pref(), NAN);
      variant.run(problem);
      for (std::size_t k = 0; k < expected.size(); ++k)
        ASSERT_NEAR(c.pref()[k], expected[k], problem.tolerance())
            << variant.name << " " << c.name() << " [" << k << "]";
    }
  }
}

// Weights resident in shared memory and weights streamed through it; threads in any order.
TEST(Preference, EmulatedKernelGivesTheSameBitsInEveryOrder) {
  const auto emulated = std::ranges::find(variants(), "emulated-fused", &Variant::name);
  ASSERT_NE(emulated, variants().end());
  bool resident = false, streamed = false;
  for (const auto& shape :
       {Shape{230, 5, 64, 72, 40, 16, 0.3}, Shape{150, 2, 128, 520, 264, 16, 0.3}}) {
    Case c(shape);
    const auto problem = c.problem();
    (gpu_plan(problem, gpu::open_emulated_device()->info()).resident ? resident : streamed) = true;
    emulated->run(problem);
    const auto want = c.pref();
    for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
      simt::set_schedule({order, 5, 1});
      std::ranges::fill(c.pref(), NAN);
      emulated->run(problem);
      EXPECT_EQ(c.pref(), want) << c.name() << " order " << int(order);
    }
    simt::set_schedule({});
  }
  EXPECT_TRUE(resident && streamed);
}

TEST(Preference, RefusesWhatTheTensorCoresDoNotTake) {
  for (const auto& shape : {Shape{4, 2, 48, 16, 16, 8, 0.0}, Shape{4, 2, 32, 12, 16, 8, 0.0},
                            Shape{4, 65, 32, 16, 16, 8, 0.0}}) {
    Case c(shape);
    EXPECT_THROW(emulated_fused(c.problem()), InputError) << c.name();
  }
}

// A rank's part, cut at whole blocks, into rows that are longer than the part.
TEST(Preference, APartOfTheItemsHasTheBitsOfTheWhole) {
  const Shape shape{2 * block_items + 77, 3, 32, 20, 12, 16, 0.3};
  Case whole(shape), part(shape);
  production().run(whole.problem());
  for (const std::int64_t first : {std::int64_t(0), block_items}) {
    auto p = part.problem();
    const auto end = first == 0 ? block_items : shape.items;
    p.items = end - first;
    p.text += first * p.d_text;
    p.image += first * p.d_image;
    p.has_text += first;
    p.has_image += first;
    p.pref += first;
    production().run(p);
  }
  EXPECT_EQ(part.pref(), whole.pref());
}

TEST(Preference, ThreadsDoNotChangeABit) {
  const int threads = omp_get_max_threads();
  const Shape shape{1500, 5, 64, 64, 32, 16, 0.1};
  Case one(shape), two(shape);
  omp_set_num_threads(1);
  production().run(one.problem());
  omp_set_num_threads(2);
  production().run(two.problem());
  omp_set_num_threads(threads);
  EXPECT_EQ(one.pref(), two.pref());
}

TEST(Preference, CountsItsWork) {
  Case c({1000, 5, 64, 512, 512, 512, 0.0});
  const auto p = c.problem();
  const double group_half = 5 * (2.0 * 64 * 512 + 8.0 * 64 * 64);
  EXPECT_DOUBLE_EQ(p.flops(), 1000 * (131072.0 + 32768.0 + 2560.0) + group_half);
  EXPECT_GT(p.bytes(), 1000 * 4116.0);
  EXPECT_LT(p.bytes(), 1000 * 4116.0 + 4.0 * 200000);
}

TEST(Preference, NoItemsNoWork) {
  Case c({0, 5, 64, 32, 32, 16, 0.0});
  production().run(c.problem());
  EXPECT_TRUE(c.pref().empty());
}

}  // namespace
}  // namespace fedfuse::preference
