// FedVLR's server side against itself: other ranks, threads and scales, a start and a restart.
#include <gtest/gtest.h>
#include <omp.h>

#include <limits>

#include "core/error.hpp"
#include "tests/server/views_setting.hpp"

namespace fedfuse {
namespace {

using namespace test;

// What parameters() shows is the whole state: a run that goes on elsewhere keeps its bits.
TEST(ItemViews, GoesOnFromItsParameters) {
  const auto items = random_items(30, 8, 12, 9);
  Setting first(views_config(8, OptimizerKind::adam, 0.01), items);
  auto other = views_config(8, OptimizerKind::adam, 0.01);
  other.federation.seed = 9;
  Setting second(other, items);
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : random_up(items, 3)) view_grad.push_back(matrix_of(items.items, u));
  for (int step = 0; step < 3; ++step) {
    if (step == 2) second.restore(first.state());
    first.views.backward_and_step(view_grad);
    if (step == 2) second.views.backward_and_step(view_grad);
  }
  EXPECT_EQ(first.parameters(), second.parameters());
}

// Everything that a run leaves behind, as bits.
std::vector<float> trained(const NaiveItems& items, const Comm& comm, int threads) {
  omp_set_num_threads(threads);
  Setting s(views_config(16, OptimizerKind::adam, 0.01), items, nullptr, comm);
  const auto up = random_up(items, 3, 1e-3);
  std::vector<Matrix<float>> view_grad, F;
  for (const auto& u : up) view_grad.push_back(matrix_of(items.items, u));
  for (int step = 0; step < 3; ++step) {
    s.views.backward_and_step(view_grad);
    s.views.forward(F);
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < F[j].size(); ++k)
        view_grad[j].values[k] = 1e-3f * F[j].values[k] + float(up[j][k]);
  }
  std::vector<float> bits;
  for (const auto& f : F) bits.insert(bits.end(), f.values.begin(), f.values.end());
  for (const auto& [name, values] : s.state())
    bits.insert(bits.end(), values.begin(), values.end());
  return bits;
}

TEST(ItemViews, RanksAndThreadsDoNotChangeABit) {
  const int threads = omp_get_max_threads();
  for (const std::size_t M : {700, 90}) {  // three blocks, the last ragged; one block for all ranks
    const auto items = random_items(M, 16, 20, 24);
    const auto alone = trained(items, Comm::self(), 1);
    EXPECT_EQ(trained(items, Comm::self(), 2), alone);
    EXPECT_EQ(trained(items, Comm::world(), 1), alone);
    EXPECT_EQ(trained(items, Comm::world(), 2), alone);
  }
  omp_set_num_threads(threads);
}

// The first moment after one step is 0.1 times the gradient: it must scale with the view gradients
// to the last bit.
TEST(ItemViews, GradientsOfAnySizeKeepTheirBits) {
  const auto items = random_items(300, 8, 12, 9);
  const auto expected = moments_at_scale(items, 1.0f);
  EXPECT_EQ(moments_at_scale(items, 0x1p-40f), expected);
  EXPECT_EQ(moments_at_scale(items, 0x1p20f), expected);
}

TEST(ItemViews, RefusesGradientsThatAreNotFinite) {
  Setting s(views_config(8, OptimizerKind::adam, 0.01), random_items(20, 8, 4, 4));
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad(3, Matrix<float>(20, 8, 0.1f));
  view_grad[1](7, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(s.views.backward_and_step(view_grad), InputError);
  EXPECT_EQ(s.parameters(), before);
}

TEST(ItemViews, StartsFromTheSeed) {
  auto config = views_config(64, OptimizerKind::adam, 0.01);
  const auto items = random_items(50, 64, 32, 16);
  Setting a(config, items), b(config, items);
  EXPECT_EQ(a.parameters(), b.parameters());
  config.federation.seed = 1;
  Setting c(config, items);
  EXPECT_NE(a.parameters().at("A_t"), c.parameters().at("A_t"));
  double squares = 0;
  const auto D = a.parameters().at("D");
  for (const double x : D) squares += x * x;
  EXPECT_NEAR(std::sqrt(squares / (50 * 64)), config.model.init_std, 0.1 * config.model.init_std);
  EXPECT_NE(a.parameters().at("G_d"), a.parameters().at("G_t"));  // distinct counters
  EXPECT_EQ(a.parameters().at("ln_w_d"), Values(64, 1.0));
  EXPECT_EQ(a.parameters().at("b_o"), Values(64, 0.0));
  EXPECT_LE(*std::ranges::max_element(a.parameters().at("W2")), std::sqrt(6.0 / (64 + 128)));
}

}  // namespace
}  // namespace fedfuse
