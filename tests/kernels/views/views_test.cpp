// The item views and their way back against the naive form in double: every subset of views, absent
// and missing modalities, ragged sizes; the naive form against differences; the same bits in any
// order of threads and however rows are cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_case.hpp"
#include "kernels/views/views_gpu.hpp"
#include "kernels/views/views_workspace.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using views::Case;
using views::CaseShape;
using views::Result;
const std::vector<View> all_views{View::sum, View::mlp, View::gate};

std::vector<CaseShape> shapes() {
  const std::vector<CaseShape> all{
      {.items = 37, .shape = {8, 12, 9, all_views}},
      {.items = 1, .shape = {4, 1, 2, {View::gate, View::sum}}},
      {.items = 130, .shape = {12, 7, 20, {View::mlp}}},
      {.items = 65, .shape = {16, 16, 0, {View::sum}}, .missing = false},
      {.items = 20, .shape = {20, 0, 5, {View::mlp, View::gate, View::sum}}},
      {.items = 33, .shape = {8, 0, 0, {View::gate}}},
      {.items = 530, .shape = {8, 6, 10, {View::sum, View::mlp}}},
      {.items = 140, .shape = {72, 130, 67, {View::gate, View::mlp}}},
      {.items = 9, .shape = {128, 36, 140, all_views}},
      {.items = 37, .shape = {8, 12, 9, all_views, ViewNorm::none}},
      {.items = 300, .shape = {12, 7, 0, {View::mlp, View::sum}, ViewNorm::none}}};
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

void expect_near(const Case& input, const Result& got, const Result& want, double tolerance) {
  ASSERT_EQ(got.views.size(), want.views.size());
  for (std::size_t j = 0; j < want.views.size(); ++j)
    expect_near(got.views[j], want.views[j], tolerance, "view " + std::to_string(j));
  expect_near(got.D, want.D, tolerance, "D");
  for (const auto& e : input.layout.entries) {
    const auto size = std::size_t(e.rows * e.cols);
    expect_near(std::span(got.gradient).subspan(e.at, size),
                std::span(want.gradient).subspan(e.at, size), tolerance, e.name);
  }
}

TEST(Views, TheNaiveFormAgreesWithDifferences) {
  for (const auto& shape : {shapes()[0], shapes()[1], shapes()[4], shapes()[9]}) {
    constexpr double h = 1e-5;
    const Case input(shape);
    const auto p = input.problem();
    Result at, beside;
    views::reference(p, at);
    const std::vector<double> parameters(input.parameters.begin(), input.parameters.end()),
        D(input.features[0].begin(), input.features[0].end());
    const auto objective = [&](const std::vector<double>& w, const std::vector<double>& table) {
      views::reference(p, w, table, beside);
      double total = 0;
      for (std::size_t j = 0; j < beside.views.size(); ++j)
        for (std::size_t k = 0; k < beside.views[j].size(); ++k)
          total += double(p.view_grad[j][k]) * beside.views[j][k];
      return total;
    };
    for (const auto& e : input.layout.entries)
      for (std::int64_t k = 0; k < e.rows * e.cols; k += 1 + e.rows * e.cols / 5) {
        auto w = parameters;
        const auto moved = e.at + std::size_t(k);
        w[moved] = parameters[moved] + h;
        const double above = objective(w, D);
        w[moved] = parameters[moved] - h;
        EXPECT_NEAR(at.gradient[moved], (above - objective(w, D)) / (2 * h),
                    1e-5 * (1 + std::abs(at.gradient[moved])))
            << input.name() << " " << e.name;
      }
    for (std::size_t k = 0; k < D.size(); k += 1 + D.size() / 20) {
      auto table = D;
      table[k] = D[k] + h;
      const double above = objective(parameters, table);
      table[k] = D[k] - h;
      EXPECT_NEAR(at.D[k], (above - objective(parameters, table)) / (2 * h),
                  1e-5 * (1 + std::abs(at.D[k])))
          << input.name() << " D " << k;
    }
  }
}

TEST(Views, EveryVariantAgreesWithTheNaiveForm) {
  for (const auto& shape : shapes()) {
    const Case input(shape);
    Result want;
    views::reference(input.problem(), want);
    for (const auto& variant : test::runnable(views::variants())) {
      SCOPED_TRACE(std::string(variant.name) + " " + input.name());
      Result got;
      variant.run(input.problem(), got);
      expect_near(input, got, want, 2e-5);
    }
  }
}

// What ranks with the given ranges and so many threads have together on the CPU.
Result on_the_cpu(const Case& input, const std::vector<std::int64_t>& cuts, int threads) {
  const test::Threads scope(threads);
  const auto p = input.problem();
  const auto J = p.layout.views.size(), cells = std::size_t(p.items * p.layout.d);
  std::vector<Array<float>> F(J, Array<float>(cells));
  std::array<float*, views::branches> out{};
  for (std::size_t j = 0; j < J; ++j) out[j] = F[j].data();
  Array<float> grad_D(cells, std::nanf("")), gradient(p.layout.size);
  views::ExactSum sum(p.layout.size);
  views::Workspace workspace;
  for (std::size_t r = 0; r + 1 < cuts.size(); ++r) {
    const views::Range mine{cuts[r], cuts[r + 1] - cuts[r]};
    views::production().forward(p, mine, workspace, out);
    EXPECT_TRUE(views::production().backward(p, mine, 0.25f, workspace, sum, grad_D.data()));
  }
  sum.decode(gradient, 1.0);
  Result all;
  for (const auto& f : F) all.views.emplace_back(f.begin(), f.end());
  all.gradient.assign(gradient.begin(), gradient.end());
  all.D.assign(grad_D.begin(), grad_D.end());
  return all;
}

TEST(Views, SameBitsOnTheCpuForAnyRangesAndThreads) {
  Case input({.items = 1100, .shape = {8, 12, 9, all_views}});
  for (auto& grad : input.view_grad)  // a block whose items no client trained on
    std::fill_n(grad.begin() + 256 * 8, 256 * 8, 0.0f);
  const auto whole = on_the_cpu(input, {0, 1100}, 1);
  EXPECT_EQ(whole.D[300 * 8], 0.0);
  const std::vector<std::vector<std::int64_t>> splits{
      {0, 1100}, {0, 256, 1100}, {0, 768, 768, 1024, 1100}};
  for (const auto& cuts : splits)
    for (const int threads : {1, 2, 3}) {
      const auto other = on_the_cpu(input, cuts, threads);
      EXPECT_EQ(other.views, whole.views);
      EXPECT_EQ(other.gradient, whole.gradient);
      EXPECT_EQ(other.D, whole.D);
    }
  EXPECT_THROW((void)on_the_cpu(input, {100, 1100}, 1), InternalError);
}

TEST(Views, SameBitsInAnyOrderOfTheThreads) {
  const Case input({.items = 75, .shape = {20, 24, 9, all_views}});
  Result first;
  views::emulated(input.problem(), first);
  for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
    simt::set_schedule({order, 5, 1});
    Result other;
    views::emulated(input.problem(), other);
    EXPECT_EQ(other.views, first.views);
    EXPECT_EQ(other.gradient, first.gradient);
    EXPECT_EQ(other.D, first.D);
  }
  simt::set_schedule({});
}

// Mutants: every wait for a stage of shared memory is one group short.
TEST(Views, AWaitThatIsTooShortShows) {
  const Case input({.items = 75, .shape = {20, 24, 9, all_views}});
  Result right, wrong;
  views::emulated(input.problem(), right);
  simt::set_schedule({.waits_short = 1});
  bool refused = false;
  try {
    views::emulated(input.problem(), wrong);
  } catch (const InternalError&) {  // a gradient is not finite
    refused = true;
  }
  simt::set_schedule({});
  EXPECT_TRUE(refused || wrong.gradient != right.gradient);
  EXPECT_NE(wrong.views, right.views);
}

// What ranks with the given rows, each in chunks of the given size, have together.
struct Together {
  std::vector<float> views, D;
  std::vector<std::int64_t> words;
  bool operator==(const Together&) const = default;
};
Together together(const std::shared_ptr<gpu::Device>& device, const Case& input,
                  const std::vector<std::int64_t>& cuts, std::int64_t chunk) {
  const auto p = input.problem();
  const auto d = p.layout.d;
  Together all;
  all.D.resize(std::size_t(p.items * d));
  all.views.resize(all.D.size() * p.layout.views.size());
  all.words.assign(2 * p.layout.size, 0);
  for (std::size_t r = 0; r + 1 < cuts.size(); ++r) {
    const views::MyItems mine{p.items, cuts[r], cuts[r + 1] - cuts[r]};
    views::OnDevice there(device, p.layout, mine, p.features, p.has, true, chunk);
    const auto& stream = there.stream();
    const auto at = std::size_t(mine.first * d), cells = std::size_t(mine.rows * d);
    there.operators().values.copy_in({p.parameters, p.layout.size}, stream);
    there.table().values.copy_in(input.features[0], stream);
    there.forward();
    for (std::size_t j = 0; j < p.layout.views.size(); ++j) {
      there.view(j).copy_out(std::span(all.views).subspan(j * all.D.size() + at, cells), stream);
      stream.synchronise();
      there.view(j).copy_in({p.view_grad[j] + at, cells}, stream);
    }
    there.backward(0.5f, 2.0f);
    EXPECT_TRUE(there.fits());
    std::vector<std::int64_t> words(all.words.size());
    there.words().copy_out(words, stream);
    there.grad_D().copy_out(std::span(all.D).subspan(at, cells), stream, at);
    stream.synchronise();
    for (std::size_t k = 0; k < words.size(); ++k) all.words[k] += words[k];
  }
  return all;
}

TEST(Views, SameBitsHoweverRowsAreCut) {
  const Case input({.items = 1100, .shape = {8, 12, 9, all_views}});
  for (const auto& device : test::fresh_devices()) {
    const auto whole = together(device, input, {0, 1100}, 2048);
    EXPECT_TRUE(together(device, input, {0, 1100}, 512) == whole);
    EXPECT_TRUE(together(device, input, {0, 512, 1100}, 1024) == whole);
    // one of them has none
    EXPECT_TRUE(together(device, input, {0, 1024, 1024, 1100}, 512) == whole);
  }
}

TEST(Views, WhatTheDeviceHoldsIsWhatIsPlanned) {
  for (const auto& shape : shapes())
    for (const bool moments : {false, true}) {
      const Case input(shape);
      const auto p = input.problem();
      const auto device = gpu::open_emulated_device();
      const views::MyItems mine{p.items, 0, p.items};
      const views::OnDevice there(device, p.layout, mine, p.features, p.has, moments);
      const auto planned = std::size_t(views::OnDevice::bytes(p.layout, mine, moments));
      EXPECT_LE(device->held_bytes(), planned) << input.name();
      // masks that are not needed
      EXPECT_GE(device->held_bytes() + std::size_t(2 * p.items), planned) << input.name();
    }
}

TEST(Views, GradientsThatAreNotFiniteAreNoticed) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), -0x1p40f}) {
    Case input({.items = 40, .shape = {8, 12, 9, all_views}});
    input.view_grad[1][37] = bad;
    for (const auto& variant : test::runnable(views::variants())) {
      Result got;
      EXPECT_THROW(variant.run(input.problem(), got), InternalError) << variant.name << " " << bad;
    }
  }
}

TEST(Views, LargestSeesEveryRowAndWhatIsNoNumber) {
  Case input({.items = 40, .shape = {8, 12, 9, all_views}});
  for (const auto& device : test::fresh_devices()) {
    const auto p = input.problem();
    views::OnDevice there(device, p.layout, {p.items, 0, p.items}, p.features, p.has, false);
    std::vector<float> rows(std::size_t(p.items * 8), 0.25f);
    for (std::size_t j = 0; j < 3; ++j) there.view(j).copy_in(rows, there.stream());
    EXPECT_EQ(there.largest(), 0.25f);
    rows.back() = -3.0f;
    there.view(2).copy_in(rows, there.stream());
    EXPECT_EQ(there.largest(), 3.0f);
    rows.front() = -std::numeric_limits<float>::quiet_NaN();
    there.view(0).copy_in(rows, there.stream());
    EXPECT_FALSE(std::isfinite(there.largest()));
  }
}

TEST(Views, FlopsAreThoseOfTheProducts) {
  const Case input({.items = 10, .shape = {64, 512, 512, all_views}});
  const auto p = input.problem();
  const double encode = 64.0 * 1088, above = 14 * 64.0 * 64;
  EXPECT_EQ(p.forward_flops(), 20 * (encode + above));
  EXPECT_EQ(p.backward_flops(), 20 * (2 * encode + 3 * above + 64 * 64));
}

}  // namespace
}  // namespace fedfuse
