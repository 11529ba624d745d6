// FedVLR's server side against the golden values, the naive form and itself under other ranks and threads.
#include <gtest/gtest.h>
#include <omp.h>

#include "core/error.hpp"
#include "naive_server.hpp"
#include "server/item_views.hpp"
#include "server/item_views_sum.hpp"
#include "server_data.hpp"
#include "support/oracle.hpp"

namespace fedfuse {
namespace {

using namespace test;
using Complex = std::complex<double>;

const std::vector<std::string> all_views{"sum", "mlp", "gate"};

Config views_config(std::size_t d, const std::string& optimizer, double lr, const std::vector<std::string>& views = all_views) {
  Config config;
  config.fusion = "fedvlr";
  config.dim = std::int64_t(d);
  config.server_optimizer = optimizer;
  config.server_lr = lr;
  config.views = views;
  return config;
}

struct Setting {
  Config config;
  NaiveItems items;
  Dataset data;
  ItemViews views;
  Setting(const Config& c, const NaiveItems& i) : config(c), items(i), data(dataset_of(i)), views(config, resolve(config), data) {}

  // The parameters as they are, without the optimizer's state.
  NaiveParameters parameters() {
    NaiveParameters all;
    for (const auto& [name, values] : views.parameters())
      if (name.find('.') == std::string::npos && name != "steps") all[name] = Values(values.begin(), values.end());
    return all;
  }
  std::vector<Matrix<float>> forward(const Comm& comm) {
    std::vector<Matrix<float>> F;
    views.forward(F, comm);
    return F;
  }
};

// With SGD and lr 1, a step is the gradient.
NaiveParameters gradient_of(Setting& s, const std::vector<Values>& up) {
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : up) view_grad.push_back(matrix_of(s.items.items, u));
  s.views.backward_and_step(view_grad, Comm::world());
  auto gradient = s.parameters();
  for (auto& [name, values] : gradient)
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = before.at(name)[k] - values[k];
  return gradient;
}

NaiveParameters naive_gradient(const NaiveParameters& p, const NaiveItems& items, const std::vector<std::string>& names,
                               const std::vector<Values>& up) {
  return complex_step(p, items, [&](Naive<Complex>& net) { return naive_views_objective(net, names, up); });
}

std::vector<Values> random_up(const NaiveItems& items, std::size_t views, double scale = 0.5) {
  std::vector<Values> up;
  for (std::size_t j = 0; j < views; ++j) up.push_back(random_values(items.items * items.d, scale, std::uint32_t(20 + j)));
  return up;
}

struct Golden {
  h5::File file = h5::File::open(goldens_path());
  NaiveItems items = read_items(file, "views/in");
  NaiveParameters parameters = read_group(file, "views/in", {"E_t", "E_v", "mask_t", "mask_v", "view_grad"});
  std::vector<Values> up;
  Golden() {
    const auto all = read_flat(file, "views/in/view_grad");
    const auto n = std::ptrdiff_t(all.size() / 3);
    for (std::ptrdiff_t j = 0; j < 3; ++j) up.emplace_back(all.begin() + j * n, all.begin() + (j + 1) * n);
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
    for (std::size_t j = 0; j < 3; ++j) F[j].insert(F[j].end(), views[all_views[j]].begin(), views[all_views[j]].end());
  }
  expect_near(joined({F[0], F[1], F[2]}), golden.out("views"), 1e-10, "views");
  const auto gradient = naive_gradient(golden.parameters, golden.items, all_views, golden.up);
  for (const auto& [name, g] : gradient) expect_near(g, golden.out("grad_" + name), 1e-10, "grad_" + name);
  auto stepped = golden.parameters;
  NaiveOptimizer{true, 0.01}.step(stepped, gradient);
  for (const auto& [name, p] : stepped) expect_near(p, golden.out("stepped_" + name), 1e-10, "stepped_" + name);
}

TEST(ItemViews, MatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  Golden golden;
  Setting sgd(views_config(8, "sgd", 1.0), golden.items);
  assign(sgd.views.parameters(), golden.parameters);
  const auto F = sgd.forward(Comm::world());
  Values flat;
  for (const auto& f : F) flat.insert(flat.end(), f.values.begin(), f.values.end());
  expect_near(flat, golden.out("views"), 1e-4, "views");
  for (const auto& [name, g] : gradient_of(sgd, golden.up)) expect_near(g, golden.out("grad_" + name), 1e-4, "grad_" + name);

  Setting adam(views_config(8, "adam", 0.01), golden.items);
  assign(adam.views.parameters(), golden.parameters);
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : golden.up) view_grad.push_back(matrix_of(golden.items.items, u));
  adam.views.backward_and_step(view_grad, Comm::world());
  for (const auto& [name, p] : adam.parameters()) expect_near(p, golden.out("stepped_" + name), 1e-4, "stepped_" + name);
}

struct Choice {
  std::vector<std::string> views;
  std::size_t text, image;
  std::string fusion = "fedvlr";
};

// Subsets and orders of the views, absent modalities: forward, and the gradient of every parameter.
TEST(ItemViews, AnyChoiceOfViewsMatchesTheNaiveForm) {
  const std::vector<Choice> choices{{{"gate", "sum"}, 12, 9},       {{"mlp"}, 12, 9}, {{"sum"}, 16, 0},
                                    {{"mlp", "gate", "sum"}, 0, 7}, {{"gate"}, 0, 0}, {all_views, 6, 8, "mlp"}};
  for (const auto& choice : choices) {
    auto config = views_config(8, "sgd", 1.0, choice.views);
    config.fusion = choice.fusion;
    config.init_std = 0.5;
    const auto names = choice.fusion == "mlp" ? std::vector<std::string>{"mlp"} : choice.views;
    Setting s(config, random_items(11, 8, choice.text, choice.image));
    for (auto [name, values] : s.views.parameters())  // biases start at 0, layer norms at the identity: move them
      for (std::size_t k = 0; k < values.size(); ++k) values[k] += 0.1f * float(int(k % 7) - 3);
    const auto p = s.parameters();
    EXPECT_EQ(p.contains("W1"), std::ranges::find(names, "mlp") != names.end());
    EXPECT_EQ(p.contains("W_o"), std::ranges::find(names, "gate") != names.end());
    EXPECT_EQ(p.contains("A_t"), choice.text > 0);
    EXPECT_TRUE(p.contains("a_t"));
    std::int64_t count = 0;
    for (const auto& [name, values] : p) count += name == "D" ? 0 : std::int64_t(values.size());
    EXPECT_EQ(s.views.operator_parameters(), count);

    Naive<double> net(p, s.items);
    const auto F = s.forward(Comm::world());
    ASSERT_EQ(F.size(), names.size());
    for (std::size_t j = 0; j < names.size(); ++j) {
      Values expected;
      for (std::size_t i = 0; i < s.items.items; ++i) expected = joined({expected, net.views(i)[names[j]]});
      expect_near(F[j].values, expected, 1e-4, names[j]);
    }
    const auto up = random_up(s.items, names.size());
    const auto expected = naive_gradient(p, s.items, names, up);
    for (const auto& [name, g] : gradient_of(s, up)) expect_near(g, expected.at(name), 1e-4, names[0] + " " + name);
  }
}

// R3: one pass from the sum of the clients' view gradients is the sum of one pass for each client.
TEST(ItemViews, ChainRuleOfTheSumIsTheSumOfChainRules) {
  const auto items = random_items(40, 8, 12, 9);
  const auto config = views_config(8, "sgd", 1.0);
  std::vector<Values> total(3, Values(40 * 8, 0.0));
  NaiveParameters sum;
  for (std::uint32_t u = 0; u < 4; ++u) {
    std::vector<Values> up;
    for (std::size_t j = 0; j < 3; ++j) {
      up.push_back(random_values(40 * 8, 0.3, 40 + 3 * u + std::uint32_t(j)));
      for (std::size_t k = 0; k < up[j].size(); ++k) up[j][k] *= (k / 8) % 4 == u % 4 || (k / 8) % 3 == 0;  // rows that client u touched
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

// Everything that a run leaves behind, as bits.
std::vector<float> trained(const NaiveItems& items, const Comm& comm, int threads) {
  omp_set_num_threads(threads);
  Setting s(views_config(16, "adam", 0.01), items);
  const auto up = random_up(items, 3, 1e-3);
  std::vector<Matrix<float>> view_grad, F;
  for (const auto& u : up) view_grad.push_back(matrix_of(items.items, u));
  for (int step = 0; step < 3; ++step) {
    s.views.backward_and_step(view_grad, comm);
    s.views.forward(F, comm);
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < F[j].size(); ++k) view_grad[j].values[k] = 1e-3f * F[j].values[k] + float(up[j][k]);
  }
  std::vector<float> bits;
  for (const auto& f : F) bits.insert(bits.end(), f.values.begin(), f.values.end());
  for (const auto& [name, values] : s.views.parameters()) bits.insert(bits.end(), values.begin(), values.end());
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

// The first moment after one step is 0.1 times the gradient: it must scale with the view gradients to the last bit.
TEST(ItemViews, GradientsOfAnySizeKeepTheirBits) {
  const auto items = random_items(300, 8, 12, 9);
  const auto moments = [&](float scale) {
    Setting s(views_config(8, "adam", 0.01), items);
    std::vector<Matrix<float>> view_grad;
    for (const auto& u : random_up(items, 3)) view_grad.push_back(matrix_of(items.items, u));
    for (auto& g : view_grad)
      for (auto& x : g.values) x *= scale;
    s.views.backward_and_step(view_grad, Comm::world());
    std::vector<float> m;
    for (const auto& [name, values] : s.views.parameters())
      if (name.ends_with(".m"))
        for (const float x : values) m.push_back(x / scale);
    return m;
  };
  const auto expected = moments(1.0f);
  EXPECT_EQ(moments(0x1p-40f), expected);
  EXPECT_EQ(moments(0x1p20f), expected);
}

TEST(ItemViews, RefusesGradientsThatAreNotFinite) {
  Setting s(views_config(8, "adam", 0.01), random_items(20, 8, 4, 4));
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad(3, Matrix<float>(20, 8, 0.1f));
  view_grad[1](7, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(s.views.backward_and_step(view_grad, Comm::world()), InputError);
  EXPECT_EQ(s.parameters(), before);
}

TEST(ItemViews, StartsFromTheSeed) {
  auto config = views_config(64, "adam", 0.01);
  const auto items = random_items(50, 64, 32, 16);
  Setting a(config, items), b(config, items);
  EXPECT_EQ(a.parameters(), b.parameters());
  config.seed = 1;
  Setting c(config, items);
  EXPECT_NE(a.parameters().at("A_t"), c.parameters().at("A_t"));
  double squares = 0;
  for (const double x : a.parameters().at("D")) squares += x * x;
  EXPECT_NEAR(std::sqrt(squares / (50 * 64)), config.init_std, 0.1 * config.init_std);
  EXPECT_NE(a.parameters().at("G_d"), a.parameters().at("G_t"));  // distinct counters
  EXPECT_EQ(a.parameters().at("ln_w_d"), Values(64, 1.0));
  EXPECT_EQ(a.parameters().at("b_o"), Values(64, 0.0));
  EXPECT_LE(*std::ranges::max_element(a.parameters().at("W2")), std::sqrt(6.0 / (64 + 128)));
}

TEST(ExactSum, KeepsItsPromise) {
  const Rng rng(3, Purpose::test);
  constexpr std::size_t n = 37;
  std::vector<std::vector<float>> parts(50, std::vector<float>(n));
  std::vector<long double> truth(n, 0);
  for (std::size_t b = 0; b < parts.size(); ++b)
    for (std::size_t k = 0; k < n; ++k) {
      parts[b][k] = float(std::ldexp(rng.normal(b, std::uint32_t(k), 0), -int(k)));  // from 1 down to 2^-36
      truth[k] += parts[b][k];
    }
  const auto sum = [&](bool backwards) {
    ExactSum first(n), second(n);
    for (std::size_t b = 0; b < parts.size(); ++b) {
      const auto& part = parts[backwards ? parts.size() - 1 - b : b];
      EXPECT_TRUE((b % 3 == 0 ? first : second).add(part));
    }
    first.merge(second);
    std::vector<float> out(n);
    first.decode(out, 1.0);
    return out;
  };
  const auto out = sum(false);
  EXPECT_EQ(out, sum(true));
  for (std::size_t k = 0; k < n; ++k) EXPECT_NEAR(out[k], double(truth[k]), 1e-7 * std::abs(double(truth[k])) + 50 * 0x1p-61) << k;
  ExactSum other(2);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -0x1p30f})
    EXPECT_FALSE(other.add(std::vector<float>{1.0f, bad}));
}

}  // namespace
}  // namespace fedfuse
