// What a run tells while it goes on, and to whom.
#include <gtest/gtest.h>

#include <string>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& out, const std::string& more = "") {
  return cat("train --dim 8 --rounds 4 --data ", Place::get().file("data.h5"), " --out ",
             Place::get().file(out), " ", more);
}

// With a terminal as stdin, stdout and stderr.
test::Outcome on_a_terminal(const std::string& arguments) {
  const auto script = Place::get().file("terminal.sh");
  test::write_text(script, cat("script -qec \"", FEDFUSE_PROGRAM, " ", arguments, "\" /dev/null"));
  return test::shell(cat("bash ", script));
}

TEST(Progress, of_less_than_a_minute_is_not_in_a_log) {
  const auto outcome = test::fedfuse(train("log.h5"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_FALSE(outcome.says("round 1/4")) << outcome.output;
  EXPECT_TRUE(outcome.says("validation NDCG@50: round 1 0.")) << outcome.output;
  EXPECT_TRUE(outcome.says(", round 2 0.")) << outcome.output;
  EXPECT_TRUE(outcome.says(", round 4 0.")) << outcome.output;
  EXPECT_TRUE(outcome.says("best round ")) << outcome.output;
}

TEST(Progress, is_one_line_of_a_terminal) {
  const auto terminal = test::shell("script -qec true /dev/null");
  if (terminal.code != 0) GTEST_SKIP() << "script(1) makes no terminal: " << terminal.output;
  const auto loud = on_a_terminal(train("loud.h5"));
  EXPECT_EQ(loud.code, 0) << loud.output;
  EXPECT_TRUE(loud.says("\rround 1/4") && loud.says("\rround 4/4")) << loud.output;
  const auto quiet = on_a_terminal(train("quiet_terminal.h5", "--quiet"));
  EXPECT_EQ(quiet.code, 0) << quiet.output;
  EXPECT_FALSE(quiet.says("round")) << quiet.output;
}

TEST(Progress, of_a_quiet_run_is_nothing_but_warnings_and_errors) {
  for (int ranks = 1; ranks <= 2; ++ranks) {
    const auto outcome = test::fedfuse_on(ranks, train(cat("quiet", ranks, ".h5"), "--quiet"));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.output, "");
  }
  test::expect_refused(test::fedfuse(train("quiet1.h5", "--quiet")), "exists");
  EXPECT_EQ(test::read_text(Place::get().file("quiet1.json")).find("\"quiet\":"), std::string::npos)
      << "how a run is told is no part of its configuration";
}

}  // namespace
}  // namespace fedfuse
