// What each rank counts of its own work, against the formulas of restructuring.md, to the last
// operation. No clock is read.
#include <gtest/gtest.h>

#include "core/rows.hpp"
#include "server/federation.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t d = 8, epochs = 2, per_positive = 20, groups = 3, group_dim = 6,
                       teacher_epochs = 2, dim_text = 12, dim_image = 8, items = 1500;

GenerateOptions many_items() {
  auto o = test::SmallData::default_options();
  o.users = 48;
  o.items = items;
  o.missing = 0;
  return o;
}

Config config_of(const std::string& fusion) {
  Config c;
  c.model.backbone = "fcf";
  c.model.fusion = fusion;
  c.model.dim = d;
  c.federation.local_epochs = epochs;
  c.federation.negatives_per_positive = per_positive;
  c.federation.lr = 0.01;
  c.federation.lr_items = 0.1;
  c.federation.lr_items_server = 1;
  c.federation.seed = 5;
  c.gfmfr.groups = groups;
  c.gfmfr.group_dim = group_dim;
  c.gfmfr.teacher.epochs = teacher_epochs;
  c.gfmfr.teacher.hidden = 16;
  c.prior.groups = groups;
  c.execution.uploads = UploadMode::store;
  return c;
}

struct Round {
  const test::SmallData small{many_items()};
  const Comm comm = Comm::world();
  const Dataset data = small.together(comm);
  const RowSplit mine{items, comm};

  [[nodiscard]] Work after_one(const Config& config) const {
    Federation federation(config, data, comm, 2);
    const auto before = federation.work();
    EXPECT_FALSE(federation.run_round(1).failed_client);
    auto work = federation.work();
    work.views_flop -= before.views_flop;  // the first views are made before the first round
    return work;
  }
  [[nodiscard]] std::int64_t samples() const {
    return std::int64_t(data.train.size()) * (1 + per_positive) * epochs;
  }
};

// Forward, and the gradients of weights and of rows: three products of d numbers a sample.
TEST(Work, TrainingIsOfTheRanksOwnClients) {
  const Round round;
  const auto work = round.after_one(config_of("none"));
  EXPECT_EQ(work.training.turns, round.data.local_clients());
  EXPECT_EQ(work.training.samples, round.samples());
  EXPECT_EQ(work.training.flop, 2 * 3 * d * round.samples());
  EXPECT_EQ(work.teacher_flop, 0);
  EXPECT_EQ(work.views_flop, 0);
}

TEST(Work, AReplayedPassTrainsOnceMore) {
  const Round round;
  auto config = config_of("gfmfr");
  const auto stored = round.after_one(config);
  EXPECT_EQ(stored.training.turns, round.data.local_clients());
  config.execution.uploads = UploadMode::replay;
  const auto replayed = round.after_one(config);
  EXPECT_EQ(replayed.training.turns, 2 * stored.training.turns);
  EXPECT_EQ(replayed.training.flop, 2 * stored.training.flop);
}

std::int64_t teacher_parameters() {
  return groups * group_dim + d * (group_dim + dim_text + dim_image) + 8 * d * d + 6 * d;
}
std::int64_t of_slots(std::int64_t slots, std::int64_t batches) {
  const auto slot = 4 * d * (dim_text + dim_image) + 24 * d * d, pair = 12 * d * d,
             group = 6 * d * group_dim + 12 * d * d;
  return slots * (slot + groups * pair) + batches * groups * group;
}
std::int64_t of_preferences(std::int64_t rows) {
  return rows * (2 * d * (dim_text + dim_image) + 8 * d * d + 8 * d * groups) +
         groups * (2 * d * group_dim + 8 * d * d);
}

// By steps every rank takes all of them; only its preferences are its own.
TEST(Work, StepsAreEveryRanks) {
  const Round round;
  const auto work = round.after_one(config_of("gfmfr"));
  const std::int64_t slots = 256 / groups, steps = (items + slots - 1) / slots;
  EXPECT_EQ(work.teacher_flop,
            teacher_epochs * (of_slots(items, steps) + steps * 12 * teacher_parameters()) +
                of_preferences(round.mine.my_rows()));
}

// By batches a rank has its blocks of items, and all parameters in Adam's step.
TEST(Work, BatchesAreTheRanksOwnRows) {
  const Round round;
  auto config = config_of("gfmfr");
  config.gfmfr.teacher.solver = TeacherSolver::batches;
  const auto work = round.after_one(config);
  const auto rows = round.mine.my_rows(), blocks = round.mine.end - round.mine.begin;
  EXPECT_EQ(
      work.teacher_flop,
      teacher_epochs * (of_slots(rows, blocks) + 12 * teacher_parameters()) + of_preferences(rows));
}

TEST(Work, ClosedTeacherIsOfTheRanksOwnRows) {
  const Round round;
  auto config = config_of("gfmfr");
  config.gfmfr.teacher.solver = TeacherSolver::closed;
  const auto work = round.after_one(config);
  const std::int64_t width = dim_text + dim_image + 1 + 16;
  const std::int64_t solve = round.comm.root() ? 2 * width * width * groups : 0;
  EXPECT_EQ(work.teacher_flop, 4 * round.mine.my_rows() * width * groups + solve);
}

// Forward and backward of the rank's rows, and Adam's step.
TEST(Work, ViewsAreOfTheRanksOwnRows) {
  const Round round;
  const auto config = config_of("fedvlr");
  Federation federation(config, round.data, round.comm, 2);
  const auto of_all = std::int64_t(federation.views()->flops());
  const auto operators = federation.views()->operator_parameters();
  const auto work = round.after_one(config);
  const auto rows = round.mine.my_rows();
  const auto of_rows = work.views_flop - of_all / items * rows;
  EXPECT_EQ(of_all % items, 0);
  EXPECT_GE(of_rows, 12 * operators);
  EXPECT_EQ(of_rows % 12, 0);
}

}  // namespace
}  // namespace fedfuse
