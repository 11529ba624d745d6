// FedVLR's server side against the golden values and the naive form.
#include "server/item_views.hpp"

#include <gtest/gtest.h>

#include "tests/server/naive_server.hpp"
#include "tests/server/views_setting.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse {
namespace {

using namespace test;
using Complex = std::complex<double>;

NaiveParameters naive_gradient(const NaiveParameters& p, const NaiveItems& items,
                               const std::vector<View>& names, const std::vector<Values>& up) {
  return complex_step(p, items, [&](Naive<Complex>& net) {
    return naive_views_objective(net, texts_of(names), up);
  });
}

struct Golden {
  h5::File file = h5::File::open(goldens_path());
  NaiveItems items = read_items(file, "views/in");
  NaiveParameters parameters =
      read_group(file, "views/in", {"E_t", "E_v", "mask_t", "mask_v", "view_grad"});
  std::vector<Values> up;
  Golden() {
    const auto all = read_flat(file, "views/in/view_grad");
    const auto n = std::ptrdiff_t(all.size() / 3);
    for (std::ptrdiff_t j = 0; j < 3; ++j)
      up.emplace_back(all.begin() + j * n, all.begin() + (j + 1) * n);
  }
  Values out(const std::string& name) { return read_flat(file, "views/out/" + name); }
};

TEST(ItemViews, NaiveFormMatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  Golden golden;
  Naive<double> net(golden.parameters, golden.items);
  std::vector<Values> F(3);
  for (std::size_t i = 0; i < golden.items.items; ++i) {
    auto views = net.views(i);
    for (std::size_t j = 0; j < 3; ++j)
      F[j].insert(F[j].end(), views[text_of(all_views[j])].begin(),
                  views[text_of(all_views[j])].end());
  }
  expect_near(joined({F[0], F[1], F[2]}), golden.out("views"), 1e-10, "views");
  const auto gradient = naive_gradient(golden.parameters, golden.items, all_views, golden.up);
  for (const auto& [name, g] : gradient)
    expect_near(g, golden.out("grad_" + name), 1e-10, "grad_" + name);
  auto stepped = golden.parameters;
  NaiveOptimizer{true, 0.01}.step(stepped, gradient);
  for (const auto& [name, p] : stepped)
    expect_near(p, golden.out("stepped_" + name), 1e-10, "stepped_" + name);
}

TEST(ItemViews, MatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  Golden golden;
  Setting sgd(views_config(golden.items.d, OptimizerKind::sgd, 1.0), golden.items);
  sgd.assign(golden.parameters);
  const auto F = sgd.forward();
  Values flat;
  for (const auto& f : F) flat.insert(flat.end(), f.values.begin(), f.values.end());
  expect_near(flat, golden.out("views"), 1e-4, "views");
  for (const auto& [name, g] : gradient_of(sgd, golden.up))
    expect_near(g, golden.out("grad_" + name), 1e-4, "grad_" + name);

  Setting adam(views_config(golden.items.d, OptimizerKind::adam, 0.01), golden.items);
  adam.assign(golden.parameters);
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : golden.up) view_grad.push_back(matrix_of(golden.items.items, u));
  adam.views.backward_and_step(view_grad);
  for (const auto& [name, p] : adam.parameters())
    expect_near(p, golden.out("stepped_" + name), 1e-4, "stepped_" + name);
}

struct Choice {
  std::vector<View> views;
  std::size_t text, image;
  std::string fusion = "fedvlr";
};

// Subsets and orders of the views, absent modalities: forward, and the gradient of every parameter.
TEST(ItemViews, AnyChoiceOfViewsMatchesTheNaiveForm) {
  const std::vector<Choice> choices{
      {{View::gate, View::sum}, 12, 9},           {{View::mlp}, 12, 9}, {{View::sum}, 16, 0},
      {{View::mlp, View::gate, View::sum}, 0, 7}, {{View::gate}, 0, 0}, {all_views, 6, 8, "mlp"}};
  for (const auto& choice : choices) {
    auto config = views_config(8, OptimizerKind::sgd, 1.0, choice.views);
    config.model.fusion = choice.fusion;
    config.model.init_std = 0.5;
    const auto names = choice.fusion == "mlp" ? std::vector{View::mlp} : choice.views;
    Setting s(config, random_items(11, 8, choice.text, choice.image));
    // biases start at 0, layer norms at the identity: move them
    auto moved = s.state();
    for (auto& [name, values] : moved)
      for (std::size_t k = 0; k < values.size(); ++k) values[k] += 0.1f * float(int(k % 7) - 3);
    s.restore(std::move(moved));
    const auto p = s.parameters();
    EXPECT_EQ(p.contains("W1"), std::ranges::find(names, View::mlp) != names.end());
    EXPECT_EQ(p.contains("W_o"), std::ranges::find(names, View::gate) != names.end());
    EXPECT_EQ(p.contains("A_t"), choice.text > 0);
    EXPECT_TRUE(p.contains("a_t"));
    std::int64_t count = 0;
    for (const auto& [name, values] : p) count += name == "D" ? 0 : std::int64_t(values.size());
    EXPECT_EQ(s.views.operator_parameters(), count);

    Naive<double> net(p, s.items);
    const auto F = s.forward();
    ASSERT_EQ(F.size(), names.size());
    for (std::size_t j = 0; j < names.size(); ++j) {
      Values expected;
      for (std::size_t i = 0; i < s.items.items; ++i)
        expected = joined({expected, net.views(i)[text_of(names[j])]});
      expect_near(F[j].values, expected, 1e-4, text_of(names[j]));
    }
    const auto up = random_up(s.items, names.size());
    const auto expected = naive_gradient(p, s.items, names, up);
    for (const auto& [name, g] : gradient_of(s, up))
      expect_near(g, expected.at(name), 1e-4, text_of(names[0]) + " " + name);
  }
}

// Several blocks, the last one ragged, and rows that no client touched: the derivative along random
// directions.
TEST(ItemViews, ManyBlocksMatchTheNaiveFormAlongRandomDirections) {
  const auto items = random_items(600, 8, 12, 9);
  auto config = views_config(8, OptimizerKind::sgd, 1.0);
  config.model.init_std = 0.5;
  Setting s(config, items);
  auto up = random_up(items, 3);
  for (auto& u : up) std::fill(u.begin() + 20 * 8, u.begin() + 290 * 8, 0.0);
  const auto p = s.parameters();
  const auto gradient = gradient_of(s, up);
  for (std::uint32_t direction = 0; direction < 3; ++direction) {
    Naive<Complex> net(p, items);
    double along = 0, size = 0;
    for (const auto& [name, g] : gradient) {
      if (direction == 2 && name != "D") continue;
      const auto step = random_values(g.size(), 1.0, 200 + direction);
      for (std::size_t k = 0; k < g.size(); ++k) {
        net.p[name][k] += Complex(0, 1e-30 * step[k]);
        along += g[k] * step[k];
        size += g[k] * g[k] * step[k] * step[k];
      }
    }
    const double expected = naive_views_objective(net, texts_of(all_views), up).imag() / 1e-30;
    EXPECT_NEAR(along, expected, 1e-4 * std::sqrt(size)) << direction;
  }
}

// R3: one pass from the sum of the clients' view gradients is the sum of one pass for each client.
TEST(ItemViews, ChainRuleOfTheSumIsTheSumOfChainRules) {
  const auto items = random_items(40, 8, 12, 9);
  const auto config = views_config(8, OptimizerKind::sgd, 1.0);
  std::vector<Values> total(3, Values(40 * 8, 0.0));
  NaiveParameters sum;
  for (std::uint32_t u = 0; u < 4; ++u) {
    std::vector<Values> up;
    for (std::size_t j = 0; j < 3; ++j) {
      up.push_back(random_values(40 * 8, 0.3, 40 + 3 * u + std::uint32_t(j)));
      // rows that client u touched
      for (std::size_t k = 0; k < up[j].size(); ++k)
        up[j][k] *= (k / 8) % 4 == u % 4 || (k / 8) % 3 == 0;
      total[j] = total[j] + up[j];
    }
    Setting client(config, items);
    for (const auto& [name, g] : gradient_of(client, up)) {
      auto& s = sum[name];
      s = s.empty() ? g : s + g;
    }
  }
  Setting server(config, items);
  for (const auto& [name, g] : gradient_of(server, total)) expect_near(g, sum.at(name), 1e-4, name);
}

// D stays 0 through Adam's steps: items with the same features have the same views.
TEST(ItemViews, WithoutTheIdEmbeddingAnItemIsItsFeatures) {
  auto items = random_items(5, 8, 6, 4);
  for (auto* of_items : {&items.text, &items.image, &items.has_text, &items.has_image}) {
    const auto row = std::ptrdiff_t(of_items->size() / 5);
    std::copy_n(of_items->begin(), row, of_items->end() - row);
  }
  auto config = views_config(items.d, OptimizerKind::adam, 0.1);
  config.fedvlr.id_embedding = IdEmbedding::off;
  Setting s(config, items);
  for (int step = 0; step < 3; ++step) {
    std::vector<Matrix<float>> up;
    for (const auto& u : random_up(items, 3)) up.push_back(matrix_of(items.items, u));
    s.views.backward_and_step(up);
  }
  const auto state = s.state();
  for (const float x : state.at("D")) EXPECT_EQ(x, 0.0f);
  for (const auto& F : s.forward()) EXPECT_TRUE(std::equal(F.row(0), F.row(0) + F.cols, F.row(4)));
}

}  // namespace
}  // namespace fedfuse
