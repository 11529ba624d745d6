// What a command prints arrives, or the exit code says that it did not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

// Every command that prints.
std::vector<std::string> commands() {
  const auto& place = Place::get();
  const auto csv = place.file("printed.csv");
  std::string rows = "userId,itemId,timestamp\n";
  for (int k = 0; k < 60; ++k) rows += cat(k % 6, ",", k, ",", k, "\n");
  test::write_text(csv, rows);
  const auto data = place.file("data.h5"), run = place.file("run.h5");
  return {"--help",
          "--version",
          "train --help",
          "import --help",
          "train --dump-config",
          cat("info ", data),
          cat("info ", run),
          cat("table ", run),
          cat("evaluate --model ", run, " --data ", data),
          cat("import --inter ", csv, " --overwrite --out ", place.file("printed"), "$RANDOM.h5"),
          cat("train --rounds 1 --dim 8 --overwrite --data ", data, " --out ",
              place.file("printed_run"), "$RANDOM.h5")};
}

TEST(StandardOutput, full_disks_are_noticed) {
  std::vector<std::string> lines;
  for (const auto& command : commands())
    lines.push_back(cat(FEDFUSE_PROGRAM, " ", command, " >/dev/full"));
  for (const auto& outcome : test::side_by_side(lines)) {
    test::expect_refused(outcome, "standard output cannot be written");
    EXPECT_TRUE(outcome.says("No space left")) << outcome.output;
  }
}

TEST(StandardOutput, a_closed_one_is_noticed_and_is_no_file) {
  std::vector<std::string> lines;
  for (const auto& command : commands())
    lines.push_back(cat(FEDFUSE_PROGRAM, " ", command, " >&-"));
  for (const auto& outcome : test::side_by_side(lines))
    test::expect_refused(outcome, "standard output cannot be written");
  // What is printed must not land in a file that got the number of the stream.
  const auto out = Place::get().file("closed.h5");
  for (const char* closed : {"2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    (void)test::fedfuse(cat("train --rounds 2 --dim 8 --overwrite --data ",
                            Place::get().file("data.h5"), " --out ", out, " ", closed));
    EXPECT_EQ(test::fedfuse(cat("info ", out)).code, 0) << closed;
    EXPECT_EQ(test::read_text(out).find("client-rounds/s in"), std::string::npos) << closed;
  }
}

TEST(StandardOutput, a_reader_that_has_gone_is_noticed) {
  std::vector<std::string> lines;
  for (const auto& command : commands())
    lines.push_back(cat("set -o pipefail; (sleep 2; ", FEDFUSE_PROGRAM, " ", command, ") | true"));
  for (const auto& outcome : test::side_by_side(lines))
    test::expect_refused(outcome, "its reader has ended");
}

TEST(StandardOutput, pipes_and_files_are_not_complained_of) {
  std::vector<std::string> lines;
  for (const auto& command : commands()) {
    lines.push_back(cat("set -o pipefail; ", FEDFUSE_PROGRAM, " ", command, " | cat"));
    lines.push_back(cat(FEDFUSE_PROGRAM, " ", command, " >/dev/null"));
  }
  for (const auto& outcome : test::side_by_side(lines)) {
    EXPECT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_FALSE(outcome.says("fedfuse: error")) << outcome.output;
  }
}

}  // namespace
}  // namespace fedfuse
