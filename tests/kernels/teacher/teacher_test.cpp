// Every variant of the server fusion's training against the naive reference in double, and its
// gradients against finite differences.
#include "kernels/teacher/teacher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "kernels/teacher/teacher_case.hpp"
#include "kernels/teacher/teacher_gpu.hpp"
#include "kernels/teacher/teacher_net.hpp"
#include "tests/kernels/teacher/teacher_testing.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::teacher {
namespace {

// How far each matrix went from its start, against the farthest of the reference's elements.
void expect_same_way(const Parameters& start, const Array<float>& got, const Array<float>& want,
                     double tolerance, const std::string& what) {
  for (const auto& entry : start.entries()) {
    double farthest = 1e-6;
    for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k)
      farthest = std::max(farthest, std::abs(double(want[k]) - double(start.values[k])));
    for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k)
      ASSERT_NEAR(got[k], want[k], tolerance * farthest + 1e-6 * std::abs(double(want[k])))
          << what << ": " << entry.name << " [" << k - entry.at << "]";
  }
}

// A ReLU at its kink answers a rounding with a jump of the gradient, and no tolerance holds: a case
// whose moments (with SGD: parameters) jump when its parameters move by a few roundings.
bool stands_at_a_kink(const CaseShape& shape, std::uint64_t seed) {
  const auto want = run(variant("reference"), Case(shape, seed));
  const double tolerance = 0.5 * Case(shape).problem().tolerance();
  for (std::uint64_t turn = 0; turn < 8; ++turn) {
    Case moved(shape, seed);
    const Rng rng(turn, Purpose::test);
    for (std::size_t k = 0; k < moved.values.size(); ++k)
      moved.values[k] *= float(1 + 3e-6 * (2 * rng.uniform(k, 0, 0) - 1));
    const auto start = moved.values;
    const auto got = run(variant("reference"), std::move(moved));
    const Case unmoved(shape, seed);
    for (const auto& entry : unmoved.start().entries()) {
      const auto jumps = [&](auto way, auto other) {
        double farthest = 1e-6, apart = 0;
        for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k) {
          farthest = std::max(farthest, std::abs(way(k)));
          apart = std::max(apart, std::abs(way(k) - other(k)));
        }
        return apart > tolerance * farthest;
      };
      const auto of = [](const Array<float>& x) {
        return [&x](std::size_t k) { return double(x[k]); };
      };
      const auto from = [](const Array<float>& x, const Array<float>& begin) {
        return [&](std::size_t k) { return double(x[k]) - double(begin[k]); };
      };
      if (shape.adam ? jumps(of(want.m), of(got.m)) || jumps(of(want.v), of(got.v))
                     : jumps(from(want.values, unmoved.values), from(got.values, start)))
        return true;
    }
  }
  return false;
}

// The first inputs from the asked ones on that stand at no kink: which ones do depends on the
// instruction set.
std::uint64_t asked_seed(const CaseShape& shape) {
  auto seed = test::seed(1);
  while (stands_at_a_kink(shape, seed)) seed += 1'000'003;
  return seed;
}

TEST(TeacherKernel, EveryVariantMatchesTheReference) {
  for (const auto& shape : shapes_to_test()) {
    const auto seed = asked_seed(shape);
    Case c(shape, seed);
    const auto problem = c.problem();
    const auto want = run(variant("reference"), Case(shape, seed));
    for (const auto& candidate : test::runnable(variants())) {
      if (!candidate.serves(problem)) continue;
      const auto what = std::string(candidate.name) + " " + c.name();
      const auto got = run(candidate, Case(shape, seed));
      EXPECT_NEAR(got.loss, want.loss, 1e-4 * want.loss) << what;
      EXPECT_EQ(got.steps, want.steps) << what;
      expect_same_way(c.start(), got.values, want.values, problem.tolerance(), what);
      Parameters zero = c.start();
      std::ranges::fill(zero.values, 0.0f);
      if (shape.adam) {
        expect_same_way(zero, got.m, want.m, problem.tolerance(), what + " m");
        expect_same_way(zero, got.v, want.v, problem.tolerance(), what + " v");
      }
    }
  }
}

// The reference's gradient is the derivative of its loss.
TEST(TeacherKernel, TheReferencesGradientIsThatOfFiniteDifferences) {
  for (auto shape :
       {shapes_to_test()[1], shapes_to_test()[2], shapes_to_test()[3], shapes_to_test()[6]}) {
    Case c(shape);
    const auto p = c.problem();
    std::vector<double> values(c.values.begin(), c.values.end()), gradient;
    const std::int64_t begin = 1, end = std::min<std::int64_t>(p.count(), 6);
    const double loss = reference_gradient(p, values, begin, end, gradient);
    EXPECT_DOUBLE_EQ(loss, reference_loss(p, values, begin, end));
    for (const auto& entry : c.start().entries()) {
      double largest = 0;
      for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k)
        largest = std::max(largest, std::abs(gradient[k]));
      const auto stride = std::max<std::size_t>(1, entry.size() / 7);
      for (std::size_t k = entry.at; k < entry.at + entry.size(); k += stride) {
        constexpr double h = 1e-6;
        const double before = values[k];
        values[k] = before + h;
        const double above = reference_loss(p, values, begin, end);
        values[k] = before - h;
        const double below = reference_loss(p, values, begin, end);
        values[k] = before;
        EXPECT_NEAR(gradient[k], (above - below) / (2 * h), 1e-6 * largest + 1e-8)
            << c.name() << " " << entry.name << " " << k - entry.at;
      }
    }
  }
}

// One batch, no step: every gradient as it stands in device memory.
TEST(TeacherKernel, TheDevicesGradientIsTheReferences) {
  for (auto shape : shapes_to_test()) {
    shape.adam = false;
    shape.batching.pairs = 4096;  // one batch
    Case c(shape);
    const auto p = c.problem();
    ASSERT_EQ(p.steps_an_epoch(), 1);
    std::vector<double> values(c.values.begin(), c.values.end()), want;
    const double loss = reference_gradient(p, values, 0, p.count(), want);
    for (const auto& device : test::fresh_devices()) {
      OnDevice trainer(device, p.shape, p.features, p.batching, Rule::gradient, 0);
      trainer.set_targets({p.targets, std::size_t(p.groups)});
      trainer.load(p.values, nullptr, nullptr, nullptr);
      std::copy_n(p.order, p.count(), trainer.next_order().data());
      trainer.begin_epoch();
      EXPECT_NEAR(trainer.finish_epoch(), loss, 1e-5 * loss);
      Array<float> got(want.size(), NAN);
      trainer.fetch_gradient(got.data());
      for (const auto& entry : c.start().entries()) {
        double largest = 1e-12;
        for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k)
          largest = std::max(largest, std::abs(want[k]));
        for (std::size_t k = entry.at; k < entry.at + entry.size(); ++k)
          ASSERT_NEAR(got[k], want[k], 1e-5 * largest)
              << device->info().name << ": " << c.name() << " " << entry.name;
      }
    }
  }
}

// Of the emulated threads; on CUDA, again and again.
TEST(TeacherKernel, KernelsGiveTheSameBitsInEveryOrder) {
  for (const auto& shape :
       {shapes_to_test()[1], shapes_to_test()[4], shapes_to_test()[7], shapes_to_test()[8]})
    for (const auto& candidate : test::runnable_on_devices(variants())) {
      const auto want = run(candidate, shape);
      for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 5, 1});
        EXPECT_TRUE(run(candidate, shape) == want)
            << candidate.name << " " << Case(shape).name() << " order " << int(order);
      }
      simt::set_schedule({.waits_short = 1});  // mutants: every wait is one group of copies short
      EXPECT_TRUE(candidate.runs != gpu::Runs::for_proof || !(run(candidate, shape) == want));
      simt::set_schedule({});
    }
}

TEST(TeacherKernel, ATargetThatIsNotANumberIsSeenInTheLoss) {
  Case c(shapes_to_test()[1]);
  const auto p = c.problem();
  const_cast<float*>(p.targets[1])[5] = NAN;
  Workspace workspace;
  EXPECT_TRUE(std::isnan(emulated(p, workspace)));
}

TEST(TeacherKernel, RefusesWhatTheKernelsDoNotTake) {
  Case c({{2, 4, 260, 2, 4, 4}, 2, {true, 8}, true, 0.0});
  EXPECT_FALSE(serves(c.problem().shape));
  Workspace workspace;
  EXPECT_THROW((void)emulated(c.problem(), workspace), InputError);
}

}  // namespace
}  // namespace fedfuse::teacher
