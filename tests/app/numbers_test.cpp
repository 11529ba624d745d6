// Numbers of the command line, of a TOML file and of the environment: decimal, in their range, and
// no larger than memory.
#include <gtest/gtest.h>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

struct Case {
  std::string words, because;
};

// Nobody waits for memory, and nobody gets more than 8 GiB. # in the command: a number of the
// case's own.
void expect_refused_at_once(const std::string& command, const std::vector<Case>& cases,
                            const std::string& environment = "") {
  std::vector<test::RefusedLine> lines;
  for (const auto& c : cases) {
    auto own = command;
    if (const auto at = own.find('#'); at != std::string::npos)
      own.replace(at, 1, std::to_string(lines.size()));
    lines.push_back(
        {cat("ulimit -v 8388608; ", environment, " ", FEDFUSE_PROGRAM, " ", own, " ", c.words),
         c.because});
  }
  test::expect_all_refused(lines);
}

std::string train() {
  return cat("train --data ", Place::get().file("data.h5"), " --out ", Place::get().file("n#.h5"));
}

TEST(Numbers, are_decimal) {
  const auto dumped = test::fedfuse("train --dump-config --seed 010 --dim 08 --lr 010e-1");
  EXPECT_EQ(dumped.code, 0);
  for (const char* line : {"\nseed = 10\n", "\ndim = 8\n", "\nlr = 1.0\n"})
    EXPECT_TRUE(dumped.says(line)) << line;
  expect_refused_at_once(train(), {{"--dim 0x40", "not a whole number"},
                                   {"--rounds 1e3", "not a whole number"},
                                   {"--seed 0b11", "not a whole number"},
                                   {"--seed -1", ">= 0"},
                                   {"--seed 18446744073709551616", "too large"},
                                   {"--rounds 99999999999999999999", "too large"},
                                   {"--lr \"\"", "it is empty"},
                                   {"--batch \"\"", "it is empty"},
                                   {"--lr 1e400", "double"},
                                   {"--lr inf", "finite"},
                                   {"--weight-decay 0x1p3", "decimal"},
                                   {"--time-budget 0x10", "time above 0"},
                                   {"--candidates sampled:0x5", "whole number"}});
  const auto evaluate = cat("evaluate --model ", Place::get().file("run.h5"), " --data ",
                            Place::get().file("data.h5"));
  expect_refused_at_once(evaluate, {{"--k 5,0x10", "not a whole number"},
                                    {"--k 5,,10", "it is empty"},
                                    {"--k 5,", "it is empty"},
                                    {"--k 4294967306", "60 items"},
                                    {"--eval-clients 4294967297", "at most"}});
  expect_refused_at_once(cat("generate --out ", Place::get().file("n#.h5")),
                         {{"--users 1e3", "not a whole number"},
                          {"--missing .1.2", "decimal"},
                          {"--activity nan", "finite"},
                          {"--groups \"\"", "it is empty"}});
  EXPECT_EQ(test::fedfuse(cat(evaluate, " --k 010,5 20")).code, 0);
}

TEST(Numbers, have_ranges) {
  std::vector<Case> cases;
  for (const char* threads : {"1025", "100000", "2147483648", "4294967297", "9223372036854775807"})
    cases.push_back({cat("--threads ", threads), "at most 1024"});
  for (const char* option : {"--local-epochs", "--batch", "--rounds", "--teacher-epochs",
                             "--teacher-batch", "--landmarks", "--regroup-every", "--distill-start",
                             "--patience", "--patience-after", "--eval-every", "--save-every",
                             "--checkpoint-every", "--groups-max", "--group-dim", "--dim"})
    cases.push_back({cat(option, " 4294967360"), option});
  cases.push_back({"--lr 1e300", "at most"});
  expect_refused_at_once(train(), cases);
  const auto toml = Place::get().file("wide.toml");
  test::write_text(toml, "threads = 4294967297\n");
  expect_refused_at_once(train(), {{cat("--config ", toml), "at most 1024"}});
  test::write_text(toml, "threads = 1e400\n");
  expect_refused_at_once(train(), {{cat("--config ", toml), "1e400"}});
}

TEST(Numbers, of_the_environment_too) {
  for (const char* value : {"abc", "0", "-1", "2147483648", "100000", "0x2"})
    expect_refused_at_once(train(), {{"--rounds 1", "OMP_NUM_THREADS"}},
                           cat("OMP_NUM_THREADS=", value));
  expect_refused_at_once(cat("generate --out ", Place::get().file("n#.h5")),
                         {{"--users 50", "OMP_NUM_THREADS"}}, "OMP_NUM_THREADS=100000");
  for (const char* value : {"08", "2,1", " 2 ", ""}) {
    const auto outcome =
        test::shell(cat("OMP_NUM_THREADS=\"", value, "\" ", FEDFUSE_PROGRAM, " evaluate --model ",
                        Place::get().file("run.h5"), " --data ", Place::get().file("data.h5")));
    EXPECT_EQ(outcome.code, 0) << value << outcome.output;
  }
}

TEST(Numbers, that_need_more_memory_than_there_is) {
  expect_refused_at_once(
      train(), {{"--negatives-per-positive 30000000", "--negatives-per-positive 30000000"},
                {"--negatives-per-positive 1000000000", "--negatives-per-positive 1000000000"},
                {"--local-epochs 20000000", "--local-epochs 20000000"},
                {"--local-epochs 2147483647", "--local-epochs 2147483647"}});
  expect_refused_at_once(cat("generate --out ", Place::get().file("n#.h5")),
                         {{"--items 100000000", "of memory"},
                          {"--users 100000000 --activity 1000 --items 5000", "--activity"},
                          {"--items 1000000 --dim-image 65536", "--dim-image 65536"},
                          {"--topics 1000000 --latent 4096", "--topics 1000000"}});
}

}  // namespace
}  // namespace fedfuse
