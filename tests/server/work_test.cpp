// What each rank counts of its own work, against the formulas of restructuring.md, to the last
// operation. No clock is read.
#include <gtest/gtest.h>

#include "tests/server/work_setting.hpp"

namespace fedfuse {
namespace {

using namespace test::work;

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

// R15: nobody waits for its group, so nobody trains or is stored for it; scores wait for heads.
TEST(Work, GroupsThatStandTakeOnePass) {
  const Round round;
  auto config = config_of("gfmfr");
  config.gfmfr.regroup_every = 2;
  for (const auto solver : {TeacherSolver::steps, TeacherSolver::batches, TeacherSolver::closed})
    for (const auto mode : {UploadMode::store, UploadMode::replay}) {
      config.gfmfr.teacher.solver = solver;
      config.execution.uploads = mode;
      Federation federation(config, round.data, round.comm, 2);
      EXPECT_FALSE(federation.run_round(1).failed_client);
      const auto before = federation.work().training.turns;
      const auto report = federation.run_round(2);
      EXPECT_FALSE(report.grouping);
      const bool waits = solver == TeacherSolver::closed;
      const std::int64_t passes = waits && mode == UploadMode::replay ? 2 : 1;
      EXPECT_EQ(federation.work().training.turns - before, passes * round.data.local_clients());
      EXPECT_EQ(report.upload_bytes > 0, waits);
    }
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
  EXPECT_EQ(of_all % items, 0);
  EXPECT_EQ(work.views_flop, of_all / items * rows + 12 * (operators + rows * d));
}

}  // namespace
}  // namespace fedfuse
