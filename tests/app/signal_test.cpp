// A signal is heard inside the work, and nothing is left half done.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
using test::Place;

// Runs the line, and sends it the signals a moment after it has claimed its output.
test::Outcome interrupted(const std::string& line, const std::string& out,
                          const std::vector<const char*>& signals, double after = 0.3) {
  std::string kills;
  for (const char* signal : signals) kills += cat("kill -", signal, " $p; ");
  return test::shell(cat(FEDFUSE_PROGRAM, " ", line, " & p=$!; until [ -e ", Place::get().file(out),
                         ".lock ]; do sleep 0.02; done; sleep ", after, "; ", kills, "wait $p"));
}

std::string train(const std::string& out, const std::string& more) {
  return cat("train --dim 8 --data ", Place::get().file("data.h5"), " --out ",
             Place::get().file(out), " ", more);
}

TEST(Signals, are_heard_inside_a_round) {
  test::without_a_trace([] {
    for (const char* signal : {"TERM", "USR1"}) {
      // a minute, if nobody listened
      const auto outcome =
          interrupted(train("long.h5", "--rounds 1 --local-epochs 200000"), "long.h5", {signal});
      EXPECT_EQ(outcome.code, 75) << outcome.output;
      EXPECT_TRUE(outcome.says(cat("SIG", signal, " came after round 0, before the first round")))
          << outcome.output;
    }
  });
}

TEST(Signals, are_heard_inside_the_teacher) {
  const auto outcome = interrupted(
      train("taught.h5", "--fusion gfmfr --groups 3 --rounds 1 --teacher-epochs 100000000"),
      "taught.h5", {"TERM"});
  EXPECT_EQ(outcome.code, 75) << outcome.output;
  EXPECT_TRUE(outcome.says("SIGTERM came")) << outcome.output;
}

TEST(Signals, leave_no_data_set_behind) {
  test::without_a_trace([] {
    const auto outcome =
        interrupted(cat("generate --users 1000000 --items 3000 --activity 60 --dim-text 0 "
                        "--dim-image 0 --out ",
                        Place::get().file("large.h5")),
                    "large.h5", {"INT"});
    EXPECT_EQ(outcome.code, 75) << outcome.output;
    EXPECT_TRUE(outcome.says("SIGINT came: nothing was written")) << outcome.output;
  });
}

TEST(Signals, one_of_the_keyboard_saves_what_resumes_to_the_same_result) {
  const auto& place = Place::get();
  const auto line = [&](const char* out) {
    return train(out, "--rounds 3000 --local-epochs 2 --eval-every 1000 --resume");
  };
  ASSERT_EQ(test::fedfuse(line("undisturbed.h5")).code, 0);
  const auto cut = interrupted(line("keyboard.h5"), "keyboard.h5", {"INT"}, 0.15);
  EXPECT_EQ(cut.code, 75) << cut.output;
  EXPECT_TRUE(cut.says("SIGINT came after round ")) << cut.output;
  EXPECT_EQ(h5::File::open(place.file("keyboard.h5")).text("/", "status"), "interrupted");
  const auto rest = test::fedfuse(line("keyboard.h5"));
  EXPECT_EQ(rest.code, 0) << rest.output;
  const auto a = h5::File::open(place.file("undisturbed.h5")),
             b = h5::File::open(place.file("keyboard.h5"));
  EXPECT_EQ(a.read_all<double>("/metrics/loss"), b.read_all<double>("/metrics/loss"));
}

// A round takes a second or more, so that the signal comes inside one, the first one as a rule.
TEST(Signals, one_of_the_keyboard_waits_for_the_end_of_the_round) {
  const auto cut = interrupted(train("slow.h5", "--rounds 100 --local-epochs 40000 --resume"),
                               "slow.h5", {"INT"});
  EXPECT_EQ(cut.code, 75) << cut.output;
  const auto file = h5::File::open(Place::get().file("slow.h5"));
  const auto rounds = file.read_all<double>("/metrics/loss").size();
  EXPECT_GE(rounds, 1u) << cut.output;
  EXPECT_TRUE(cut.says(cat("SIGINT came after round ", rounds, ": all state is in ")))
      << cut.output;
}

TEST(Signals, a_second_one_of_the_keyboard_ends_at_once) {
  // a client takes seconds, and the first signal waits for it
  const auto outcome = interrupted(train("twice.h5", "--rounds 1 --local-epochs 4000000"),
                                   "twice.h5", {"INT", "0 $p; sleep 0.05; kill -INT"}, 0.5);
  EXPECT_EQ(outcome.code, 130) << outcome.output;
  EXPECT_FALSE(outcome.says("came after round")) << outcome.output;
}

// Its rounds are mostly evaluation, so that most of the signals come inside one.
TEST(Signals, an_evaluation_that_is_cut_off_is_made_up_for) {
  const auto& place = Place::get();
  const auto data = place.file("wide.h5");
  ASSERT_EQ(test::fedfuse(cat("generate --users 2000 --items 20000 --activity 6 --dim-text 0 "
                              "--dim-image 0 --out ",
                              data))
                .code,
            0);
  const auto line = [&](const char* out) {
    return cat("train --data ", data,
               " --rounds 4 --local-epochs 1 --patience 2 --patience-after 0 --resume --out ",
               place.file(out));
  };
  ASSERT_EQ(test::fedfuse(line("whole_run.h5")).code, 0);
  int cut_off = 0;
  test::Outcome outcome;
  for (double after = 0.3; after < 6; after += 0.3) {
    outcome = interrupted(line("resumed.h5"), "resumed.h5", {"USR1"}, after);
    if (outcome.code != 75) break;
    ++cut_off;
  }
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_GT(cut_off, 0);
  const auto a = h5::File::open(place.file("whole_run.h5")),
             b = h5::File::open(place.file("resumed.h5"));
  for (const char* name : {"/metrics/loss", "/metrics/valid_ndcg_50", "/metrics/test_hr_10"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  EXPECT_EQ(a.integer("/", "best_round"), b.integer("/", "best_round"));
}

TEST(Signals, a_finished_run_says_that_it_is_done) {
  const auto& place = Place::get();
  const auto line = train("done.h5", "--rounds 2 --checkpoint-every 1 --resume");
  ASSERT_EQ(test::fedfuse(line).code, 0);
  const auto result = test::read_text(place.file("done.h5"));
  for (int ranks = 1; ranks <= 2; ++ranks) {
    const auto again = test::fedfuse_on(ranks, line);
    EXPECT_EQ(again.code, 0) << again.output;
    EXPECT_TRUE(again.says("done.h5 is finished: all 2 rounds were run; nothing is left to do"))
        << again.output;
    EXPECT_EQ(test::read_text(place.file("done.h5")), result);
  }
  EXPECT_NE(test::fedfuse(cat(line, " --lr 0.2")).code, 0);
  const auto more = test::fedfuse(train("done.h5", "--rounds 3 --checkpoint-every 1 --resume"));
  EXPECT_EQ(more.code, 0) << more.output;
  EXPECT_EQ(h5::File::open(place.file("done.h5")).shape("/metrics/loss").at(0), 3);
}

}  // namespace
}  // namespace fedfuse
