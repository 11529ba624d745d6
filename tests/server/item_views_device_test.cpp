// ItemViews on the emulated device (and a real one where there is one): near the processor, the
// same bits on any number of ranks, a restart.
#include <gtest/gtest.h>

#include <limits>

#include "core/error.hpp"
#include "core/gpu/simt.hpp"
#include "tests/server/naive_server.hpp"
#include "tests/server/views_setting.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using namespace test;

// Everything that a run leaves behind: views and state.
ViewsState state_of(Setting& s, const std::vector<Matrix<float>>& F) {
  auto all = s.state();
  for (std::size_t j = 0; j < F.size(); ++j)
    all["F" + std::to_string(j)] = {F[j].values.begin(), F[j].values.end()};
  return all;
}

std::vector<Matrix<float>> gradients(const NaiveItems& items, std::size_t views, double scale) {
  std::vector<Matrix<float>> all;
  for (const auto& u : random_up(items, views, scale)) all.push_back(matrix_of(items.items, u));
  return all;
}

ViewsState trained(const Config& config, const NaiveItems& items, const Comm& comm,
                   std::shared_ptr<gpu::Device> device, int steps = 2) {
  Setting s(config, items, std::move(device), comm);
  std::vector<Matrix<float>> F;
  s.views.forward(F);
  auto view_grad = gradients(items, F.size(), 1e-3);
  for (int step = 0; step < steps; ++step) {
    for (std::size_t j = 0; j < F.size(); ++j)
      for (std::size_t k = 0; k < F[j].size(); ++k)
        view_grad[j].values[k] += 1e-3f * F[j].values[k];
    s.views.backward_and_step(view_grad);
    s.views.forward(F);
  }
  return state_of(s, F);
}

TEST(ItemViewsOnDevice, AgreesWithTheProcessor) {
  struct Choice {
    std::vector<View> views;
    std::size_t items, d, text, image;
    OptimizerKind optimizer;
    std::string fusion = "fedvlr";
  };
  const std::vector<Choice> choices{{all_views, 70, 8, 12, 9, OptimizerKind::adam},
                                    {{View::gate, View::sum}, 31, 12, 0, 7, OptimizerKind::sgd},
                                    {{View::sum}, 20, 8, 5, 0, OptimizerKind::sgd},
                                    {all_views, 40, 16, 6, 8, OptimizerKind::adam, "mlp"}};
  for (const auto& device : fresh_devices())
    for (const auto& choice : choices) {
      auto config = views_config(choice.d, choice.optimizer, 0.01, choice.views);
      config.model.fusion = choice.fusion;
      config.model.init_std = 0.5;
      const auto items = random_items(choice.items, choice.d, choice.text, choice.image);
      const auto here = trained(config, items, Comm::self(), nullptr),
                 there = trained(config, items, Comm::self(), device);
      ASSERT_EQ(here.size(), there.size());
      for (const auto& [name, values] : here)
        expect_near(there.at(name), Values(values.begin(), values.end()), 2e-3,
                    text_of(choice.views[0]) + " " + name);
    }
}

// With SGD and rate 1 a step is the gradient, which must be far nearer than what Adam makes of it.
TEST(ItemViewsOnDevice, GradientsAreTheProcessors) {
  const auto items = random_items(90, 8, 12, 9);
  for (const auto& device : fresh_devices()) {
    Setting here(views_config(8, OptimizerKind::sgd, 1.0), items),
        there(views_config(8, OptimizerKind::sgd, 1.0), items, device);
    const auto up = random_up(items, 3);
    const auto expected = gradient_of(here, up);
    for (const auto& [name, g] : gradient_of(there, up))
      expect_near(g, expected.at(name), 1e-4, name);
  }
}

TEST(ItemViewsOnDevice, SameBitsForAnyRanksAndOrderOfThreads) {
  for (const auto& device : fresh_devices())
    for (const std::size_t M :
         {1100, 40}) {  // three blocks, the last ragged; one block for all ranks
      const auto items = random_items(M, 8, 10, 4);
      const auto config = views_config(8, OptimizerKind::adam, 0.01);
      const auto alone = trained(config, items, Comm::self(), device, 1);
      simt::set_schedule({simt::Order::shuffled, 3, 2});
      EXPECT_EQ(trained(config, items, Comm::world(), device, 1), alone);
      simt::set_schedule({});
    }
}

TEST(ItemViewsOnDevice, GoesOnFromItsParameters) {
  const auto items = random_items(30, 8, 12, 9);
  const auto config = views_config(8, OptimizerKind::adam, 0.01);
  auto other = config;
  other.federation.seed = 9;
  const auto view_grad = gradients(items, 3, 0.5);
  for (const auto& device : fresh_devices()) {
    Setting first(config, items, device), second(other, items, device);
    std::vector<Matrix<float>> F, G;
    for (int step = 0; step < 3; ++step) {
      first.views.backward_and_step(view_grad);
      second.views.backward_and_step(view_grad);
      if (step != 1) continue;
      second.restore(first.state());
    }
    first.views.forward(F);
    second.views.forward(G);
    EXPECT_EQ(state_of(first, F), state_of(second, G));
    EXPECT_EQ(first.state().at("steps")[0], 3.0f);
  }
}

TEST(ItemViewsOnDevice, GradientsOfAnySizeKeepTheirBits) {
  const auto items = random_items(60, 8, 12, 9);
  const auto device = gpu::open_emulated_device();
  const auto expected = moments_at_scale(items, 1.0f, device);
  EXPECT_EQ(moments_at_scale(items, 0x1p-40f, device), expected);
  EXPECT_EQ(moments_at_scale(items, 0x1p20f, device), expected);
}

TEST(ItemViewsOnDevice, RefusesGradientsThatAreNotFinite) {
  Setting s(views_config(8, OptimizerKind::adam, 0.01), random_items(20, 8, 4, 4),
            gpu::open_emulated_device());
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad(3, Matrix<float>(20, 8, 0.1f));
  view_grad[1](7, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(s.views.backward_and_step(view_grad), InputError);
  view_grad[1](7, 3) = 0.0f;
  // finite gradients, weights that are not
  auto broken = s.state();
  broken.at("W2")[3] = std::numeric_limits<float>::infinity();
  s.restore(broken);
  EXPECT_THROW(s.views.backward_and_step(view_grad), InputError);
  broken.at("W2")[3] = float(before.at("W2")[3]);
  s.restore(broken);
  EXPECT_EQ(s.parameters(), before);
}

}  // namespace
}  // namespace fedfuse
