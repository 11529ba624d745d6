// privacy/accountant: against dp-accounting's figures (tests/oracle/make_accountant_goldens.py),
// and what must hold of any accountant.
#include "privacy/accountant.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace fedfuse {
namespace {

nlohmann::json goldens() {
  std::ifstream in(FEDFUSE_SOURCE_DIR "/tests/oracle/accountant_goldens.json");
  return nlohmann::json::parse(in);
}

// The round of a golden: z is over C, and to replace a client moves the sum by 2C.
SampledGaussian round_of(const nlohmann::json& point) {
  const bool replaces = point["adjacency"] == "replace-one";
  const double z = point["z"], q = point["q"];
  return {.sampling = replaces ? Sampling::fixed : Sampling::poisson,
          .noise = replaces ? z / 2 : z,
          .rate = q};
}

TEST(Accountant, agrees_with_dp_accounting_at_whole_orders) {
  const auto all = goldens();
  const std::vector<double> orders = all["orders"];
  EXPECT_EQ(all["points"].size(), 194u);
  std::size_t with_pld = 0;
  std::map<std::string, Accountant> known;  // of each round, whatever the steps and delta
  for (const auto& point : all["points"]) {
    const auto round = nlohmann::json{point["adjacency"], point["z"], point["q"]}.dump();
    const auto& accountant = known.try_emplace(round, round_of(point), orders).first->second;
    const double epsilon = accountant.after(point["steps"], point["delta"]).epsilon;
    const double want = point["epsilon"];
    EXPECT_NEAR(epsilon, want, 1e-8 * want) << point;
    if (!point.contains("epsilon_pld")) continue;
    ++with_pld;
    // a tighter account of the same mechanism, on a grid
    EXPECT_LT(point["epsilon_pld"].get<double>(), epsilon * 1.001 + 1e-3) << point;
  }
  EXPECT_EQ(with_pld, 106u);
}

TEST(Accountant, a_step_at_real_orders_agrees_with_a_finer_rule) {
  const auto all = goldens();
  EXPECT_EQ(all["one_step"].size(), 72u);
  for (const auto& step : all["one_step"]) {
    const double rdp = rdp_poisson(step["z"], step["q"], step["order"]);
    EXPECT_NEAR(rdp / step["rdp"].get<double>(), 1, 1e-8) << step;
  }
}

TEST(Accountant, less_noise_more_clients_and_more_rounds_cost_more) {
  for (const auto sampling : {Sampling::poisson, Sampling::fixed}) {
    double before = 0;
    for (const double noise : {8.0, 4.0, 2.0, 1.0, 0.5, 0.25}) {
      const double now = Accountant({sampling, noise, 0.01}).after(100, 1e-5).epsilon;
      EXPECT_GT(now, before) << "noise " << noise;
      before = now;
    }
    before = 0;
    for (const double rate : {0.001, 0.01, 0.1, 0.5, 0.99, 1.0}) {
      const double now = Accountant({sampling, 2.0, rate}).after(100, 1e-5).epsilon;
      // the bound of samples without replacement is loose near 1, where it exceeds that of all
      if (sampling == Sampling::poisson || rate < 0.2) {
        EXPECT_GT(now, before) << "rate " << rate;
      }
      before = now;
    }
    before = 0;
    const Accountant accountant({sampling, 2.0, 0.01});
    for (const std::int64_t rounds : {1, 2, 10, 100, 1000}) {
      const double now = accountant.after(rounds, 1e-5).epsilon;
      EXPECT_GT(now, before) << rounds << " rounds";
      EXPECT_LT(now, accountant.after(rounds, 1e-6).epsilon) << "a smaller delta";
      before = now;
    }
  }
}

TEST(Accountant, the_noise_that_is_found_spends_epsilon_and_no_more) {
  for (const auto sampling : {Sampling::poisson, Sampling::fixed})
    for (const double epsilon : {0.5, 8.0}) {
      SampledGaussian round{sampling, 0, 0.05};
      round.noise = noise_for(epsilon, round, 50, 1e-6);
      const double spends = Accountant(round).after(50, 1e-6).epsilon;
      EXPECT_LE(spends, epsilon);
      EXPECT_GT(spends, epsilon * (1 - 1e-3));
    }
  EXPECT_EQ(noise_for(1e-9, {Sampling::poisson, 0, 1.0}, 1000, 1e-6), 0);
}

TEST(Accountant, nothing_is_spent_by_no_round) {
  EXPECT_EQ(Accountant({Sampling::poisson, 1.0, 0.1}).after(0, 1e-5).epsilon, 0);
}

}  // namespace
}  // namespace fedfuse
