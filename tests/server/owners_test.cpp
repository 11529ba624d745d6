// Sums that go to the owners of rows: the same bits as on one rank, where every rank owns some
// blocks of items and some ranks none.
#include <gtest/gtest.h>
#include <omp.h>

#include <functional>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

// Five blocks, the last one ragged: with seven ranks two own nothing.
GenerateOptions five_blocks() {
  auto o = test::SmallData::default_options();
  o.items = 1100;
  return o;
}

struct Case {
  std::string backbone, fusion;
  std::function<void(Config&)> change = [](Config&) {};
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"fcf", "none", [](Config& c) { c.federation.weight_decay = 0; }},  // untouched rows stand
      {"fcf", "none"},
      {"fedavg", "none", [](Config& c) { c.federation.item_update = ItemUpdate::mean; }},
      {"fcf", "none",
       [](Config& c) {  // nearly all rows are touched
         c.federation.negatives_per_positive = 40;
         c.federation.weight_decay = 0;
       }},
      {"fcf", "none",
       [](Config& c) {
         c.federation.item_update = ItemUpdate::mean;
         c.federation.weight_decay = 0;
         c.privacy.clip = 0.05;
         c.privacy.noise_multiplier = 2;
       }},
      {"fcf", "mlp"},
      {"fedrap", "fedvlr"},
      {"fcf", "fedvlr", [](Config& c) { c.fedvlr.optimizer = OptimizerKind::sgd; }},
      {"fcf", "gfmfr"},
      {"fcf", "gfmfr",
       [](Config& c) {
         c.gfmfr.teacher.solver = TeacherSolver::batches;
         c.gfmfr.regroup_every = 2;
       }},
      {"pfedrec", "gfmfr", [](Config& c) { c.gfmfr.regroup_every = 3; }},
      {"fcf", "fedvlr+gfmfr", [](Config& c) { c.gfmfr.teacher.solver = TeacherSolver::batches; }},
      {"fcf", "gfmfr",
       [](Config& c) {
         c.gfmfr.teacher.solver = TeacherSolver::closed;
         c.gfmfr.teacher.hidden = 8;
       }},
      {"fcf", "group-prior"},
      {"fcf", "none",
       [](Config& c) { c.attack.defence = Defence::row_median; }},  // needs whole sums
  };
  return all;
}

TEST(Owners, TheBitsAreThoseOfOneRank) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small(five_blocks());
  const auto alone = small.alone(), shared = small.together(world);
  for (const auto& [backbone, fusion, change] : cases()) {
    auto config = test::small_config(backbone, fusion, ItemUpdate::counts);
    change(config);
    omp_set_num_threads(1);
    Federation one(config, alone, self, 1);
    omp_set_num_threads(2);
    Federation many(config, shared, world, 2);
    for (int round = 1; round <= 3; ++round) {
      ASSERT_FALSE(one.run_round(round).failed_client);
      ASSERT_FALSE(many.run_round(round).failed_client);
      EXPECT_TRUE(one.global() == many.global()) << backbone << "+" << fusion << ", " << round;
      EXPECT_TRUE(one.preferences() == many.preferences()) << fusion << ", " << round;
    }
  }
}

}  // namespace
}  // namespace fedfuse
