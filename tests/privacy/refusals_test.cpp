// privacy/refusals and privacy/plan: what has no theorem is refused, each with its reason; what has
// one gets its z, delta and adjacency.
#include "privacy/refusals.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.hpp"
#include "privacy/plan.hpp"

namespace fedfuse {
namespace {

Config private_config() {
  Config c;
  c.federation.item_update = ItemUpdate::mean;
  c.federation.sampling = Sampling::poisson;
  c.federation.fraction = 0.1;
  c.privacy.clip = 0.5;
  c.privacy.noise_multiplier = 1.0;
  return c;
}

std::string refusal(const std::function<void(Config&)>& change) {
  auto config = private_config();
  change(config);
  try {
    static_cast<void>(with_privacy(config, 10000));
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

struct Case {
  std::function<void(Config&)> change;
  const char* says;
};

TEST(Refusals, each_row_of_the_table_holds) {
  const auto fixed = [](Config& c) { c.federation.sampling = Sampling::fixed; };
  const std::vector<Case> cases{
      {[](Config& c) { c.privacy.clip = 0; }, "without --clip"},
      {[](Config& c) { c.model.backbone = "fedavg"; }, "--backbone fedavg"},
      {[](Config& c) { c.federation.weight_decay = 0.1; }, "--weight-decay"},
      {[](Config& c) { c.federation.negatives = Negatives::trained_items; }, "trained-items"},
      {[](Config& c) { c.federation.item_update = ItemUpdate::counts; }, "--item-update mean"},
      {[](Config& c) { c.gfmfr.distillation.balance = true; }, "--distill-balance"},
      {[&](Config& c) {
         fixed(c);
         c.model.fusion = "gfmfr";
       },
       "heads of clients one by one"},
      {[&](Config& c) {
         fixed(c);
         c.model.fusion = "fedvlr+gfmfr";
         c.gfmfr.group_by = GroupBy::random;
       },
       "sums of its groups"},
      {[&](Config& c) {
         fixed(c);
         c.model.fusion = "mlp+group-prior";
       },
       "sums of interactions"},
      {[](Config& c) { c.model.fusion = "gfmfr"; }, "--sampling poisson with --fusion gfmfr"},
      {[&](Config& c) {
         fixed(c);
         c.privacy.adjacency = Adjacency::add_or_remove_one;
       },
       "formula of Poisson sampling does not hold"},
      {[](Config& c) { c.privacy.adjacency = Adjacency::replace_one; }, "has no bound"},
      {[](Config& c) { c.device.kind = DeviceKind::emulated; }, "--device cpu"},
      {[](Config& c) {
         c.privacy.noise_multiplier = 0;
         c.privacy.delta = 0.1;
       },
       "no epsilon"},
      {[](Config& c) {
         c.privacy.noise_multiplier = 0;
         c.privacy.epsilon = 1e-9;
       },
       "cannot be reached"},
      {[](Config& c) { c.privacy.epsilon = 1.0; }, "give one of the two"},
      {[&](Config& c) {
         fixed(c);
         c.participation.devices = ClientDevices::equal;
         c.participation.dropout = 0.1;
       },
       "more than the sampling"},
      {[](Config& c) {
         c.participation.devices = ClientDevices::equal;
         c.participation.over_select = 2;
       },
       "another number comes"},
      {[&](Config& c) {
         fixed(c);
         c.privacy.noise_multiplier = 0;
         c.privacy.probe_clients = 3;
         c.participation.devices = ClientDevices::equal;
         c.participation.deadline = 9;
       },
       "participants of earlier rounds"},
      {[&](Config& c) {
         fixed(c);
         c.participation.devices = ClientDevices::equal;
         c.participation.async = 9;
       },
       "more than the sampling"},
  };
  for (const auto& c : cases) {
    const auto said = refusal(c.change);
    EXPECT_NE(said.find(c.says), std::string::npos) << c.says << " is not in: " << said;
  }
  EXPECT_EQ(refusal([](Config&) {}), "");
  EXPECT_EQ(refusal([](Config& c) { c.participation.devices = ClientDevices::lognormal; }), "")
      << "a clock alone changes no participant";
  for (const char* fusion : {"mlp", "fedvlr"})  // views are steps of sums, by either rule
    EXPECT_EQ(refusal([&](Config& c) {
                c.model.fusion = fusion;
                c.federation.item_update = ItemUpdate::counts;
              }),
              "");
}

TEST(Refusals, what_no_buffered_step_can_do) {
  const std::vector<Case> cases{
      {[](Config& c) { c.federation.sampling = Sampling::poisson; }, "another number comes"},
      {[](Config& c) { c.privacy.probe_clients = 3; }, "participants of earlier rounds"},
      {[](Config& c) { c.device.kind = DeviceKind::emulated; }, "of a step from one model"},
      {[](Config& c) { c.model.fusion = "mlp+gfmfr"; }, "of different steps"},
      {[](Config& c) { c.model.fusion = "group-prior"; }, "follow the newest prior"},
      {[](Config& c) { c.secure.sum = SecureSumKind::check; }, "known before they train"},
      {[](Config& c) { c.attack.defence = Defence::row_median; }, "no weights of staleness"}};
  const auto buffered = [](Config& c) {
    c = Config();
    c.participation.devices = ClientDevices::equal;
    c.participation.async = 9;
  };
  for (const auto& c : cases) {
    const auto said = refusal([&](Config& config) {
      buffered(config);
      c.change(config);
    });
    EXPECT_NE(said.find(c.says), std::string::npos) << c.says << " is not in: " << said;
  }
  for (const char* fusion : {"none", "mlp", "fedvlr"})
    EXPECT_EQ(refusal([&](Config& c) {
                buffered(c);
                c.model.fusion = fusion;
                c.privacy.clip = 1;
              }),
              "");
}

TEST(PrivacyPlan, fills_in_what_the_theorem_needs) {
  auto config = private_config();
  config.privacy.noise_multiplier = 0;
  config.privacy.epsilon = 3;
  const auto plan = with_privacy(config, 10000);
  EXPECT_EQ(plan.privacy.adjacency, Adjacency::add_or_remove_one);
  EXPECT_NEAR(plan.privacy.delta, std::pow(10000.0, -1.1), 1e-18);
  EXPECT_LE(Accountant(mechanism_of(plan, 10000))
                .after(config.federation.rounds, plan.privacy.delta)
                .epsilon,
            3);
  EXPECT_EQ(with_privacy(plan, 10000), plan);  // a recorded configuration can be given again

  // To replace a client moves the sum twice as far: the same z gives half the noise.
  config = private_config();
  config.federation.sampling = Sampling::fixed;
  EXPECT_EQ(with_privacy(config, 10000).privacy.adjacency, Adjacency::replace_one);
  EXPECT_EQ(mechanism_of(config, 10000).noise, 0.5);
  EXPECT_EQ(mechanism_of(config, 10000).rate, 0.1);
}

TEST(PrivacyPlan, without_noise_there_is_no_epsilon_and_the_record_says_so) {
  Config config;
  EXPECT_EQ(with_privacy(config, 100), config);
  EXPECT_NE(privacy_notes(config).epsilon_covers.find("no epsilon"), std::string::npos);
  const auto notes = privacy_notes(with_privacy(private_config(), 100));
  EXPECT_NE(notes.epsilon_covers.find("add-or-remove-one"), std::string::npos);
  EXPECT_NE(notes.epsilon_excludes.find("seed"), std::string::npos);
}

}  // namespace
}  // namespace fedfuse
