// Targets as a person meets them. Suite Isa holds for every build; IsaPortable is for a build of
// several targets, and says so where this machine has only one of them.
#include "core/isa.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --rounds 3 --dim 8 --fusion fedvlr --data ", Place::get().file("data.h5"),
             " --out ", Place::get().file(name), " ", more);
}
std::string recorded_target(const std::string& name) {
  const auto file = h5::File::open(Place::get().file(name));
  return nlohmann::json::parse(file.text("/", "provenance")).at("target");
}
Array<float> gate_view(const std::string& name) {
  return h5::File::open(Place::get().file(name)).read_all<float>("/model/view_gate");
}
// Those of this build that this machine has, as --isa takes them.
std::vector<std::string> targets_here() {
  std::vector<std::string> names;
  for (const auto level : targets_of_this_build().levels)
    if (level <= level_of_this_machine()) names.push_back(text_of(level));
  return names;
}
std::string on_ranks_of(const std::string& first, const std::string& second,
                        const std::string& arguments) {
  const auto script = Place::get().file("mixed.sh");
  test::write_text(script,
                   cat("level=", second, "\n[ \"$OMPI_COMM_WORLD_RANK\" != 0 ] || level=", first,
                       "\nFEDFUSE_MOST_ISA=$level exec ", FEDFUSE_PROGRAM, " ", arguments, "\n"));
  return cat(FEDFUSE_MPIRUN, " -n 2 bash ", script);
}

TEST(Isa, what_there_is_not_is_refused) {
  const auto most = text_of(targets_of_this_build().levels.back());
  test::without_a_trace([&] {
    for (const auto* line : {"--isa x86-64-v9", "--isa=x86-64-v9"}) {
      const auto refused = test::fedfuse(train("no.h5", line));
      test::expect_refused(refused, "--isa \"x86-64-v9\"");
      EXPECT_TRUE(refused.says("use one of: auto, ") && refused.says(most)) << refused.output;
    }
    test::expect_refused(test::fedfuse_on(2, train("no.h5", "--isa x86-64-v9")), "--isa");
    test::expect_refused(test::fedfuse("--version --isa"), "--isa \"\"");
  });
}

TEST(Isa, a_machine_below_every_target_is_named) {
  if (targets_of_this_build().levels.front() == Isa::generic) GTEST_SKIP() << "built for any";
  const auto alone = test::shell(cat("FEDFUSE_MOST_ISA=generic ", FEDFUSE_PROGRAM, " --version"));
  test::expect_refused(alone, "this machine has generic, and the program is built for");
  const auto mixed = test::shell(on_ranks_of("", "generic", "--version"));
  test::expect_refused(mixed, "rank 1 on ");
  test::expect_refused(test::shell(cat("FEDFUSE_MOST_ISA=avx2 ", FEDFUSE_PROGRAM, " --version")),
                       "FEDFUSE_MOST_ISA \"avx2\"");
}

TEST(Isa, the_target_is_named_and_may_be_asked_for) {
  const auto targets = targets_of_this_build();
  const auto name = targets_here().back();
  for (const auto& line : {std::string("--version"), cat("--isa ", name, " --version"),
                           std::string("--version --isa auto")})
    EXPECT_TRUE(test::fedfuse(line).says(
        cat("  target              ", targets.native ? "native (" : "", name)))
        << line;
  ASSERT_EQ(test::fedfuse(train("asked.h5", cat("--isa ", name))).code, 0);
  EXPECT_EQ(recorded_target("asked.h5"), text_of(targets, targets.levels.back()));
  ASSERT_EQ(test::fedfuse(cat("--isa ", name, " ", train("first.h5", "--checkpoint-every 1"))).code,
            0);
  EXPECT_EQ(gate_view("first.h5"), gate_view("asked.h5"));
  EXPECT_TRUE(test::fedfuse(cat("info ", Place::get().file("first.ckpt.2.h5")))
                  .says(cat("  target              ", text_of(targets, targets.levels.back()))));
}

TEST(IsaPortable, every_target_has_its_bits_on_any_ranks) {
  for (const auto& name : targets_here()) {
    const auto one = cat(name, "_1.h5"), two = cat(name, "_2.h5"), three = cat(name, "_3.h5");
    ASSERT_EQ(test::fedfuse(train(one, cat("--isa ", name))).code, 0);
    ASSERT_EQ(test::fedfuse_on(2, train(two, cat("--threads 2 --isa ", name))).code, 0);
    ASSERT_EQ(test::fedfuse_on(3, train(three, cat("--isa ", name))).code, 0);
    EXPECT_EQ(gate_view(one), gate_view(two)) << name;
    EXPECT_EQ(gate_view(one), gate_view(three)) << name;
    EXPECT_EQ(recorded_target(three), name);
  }
}

TEST(IsaPortable, mixed_machines_take_the_lowest) {
  const auto names = targets_here();
  for (const auto& lowest : names) {
    const auto lines = std::vector{on_ranks_of(names.back(), lowest, train("mixed.h5", "")),
                                   on_ranks_of(lowest, "", train("mixed.h5", "--overwrite"))};
    for (const auto& line : lines) {
      const auto outcome = test::shell(line);
      ASSERT_EQ(outcome.code, 0) << outcome.output;
      EXPECT_EQ(recorded_target("mixed.h5"), lowest);
    }
    ASSERT_EQ(test::fedfuse(train("alone.h5", cat("--overwrite --isa ", lowest))).code, 0);
    EXPECT_EQ(gate_view("mixed.h5"), gate_view("alone.h5"));
    fs::remove(Place::get().file("mixed.h5"));
  }
  if (names.size() < 2) GTEST_SKIP() << "this machine has one target only";
  const auto refused =
      test::shell(on_ranks_of("", names.front(), train("no.h5", cat("--isa ", names.back()))));
  test::expect_refused(refused, cat("--isa ", names.back(), " cannot be used"));
  EXPECT_TRUE(refused.says("rank 1 on ")) << refused.output;
  EXPECT_TRUE(refused.says(cat("available: ", names.front()))) << refused.output;
}

TEST(IsaPortable, a_checkpoint_goes_on_with_its_own_target) {
  const auto names = targets_here();
  if (names.size() < 2) GTEST_SKIP() << "this machine has one target only";
  const auto &high = names.back(), &low = names[names.size() - 2];
  const auto line = [&](const std::string& more) {
    return train("going.h5", cat("--rounds 6 --checkpoint-every 1 ", more));
  };
  ASSERT_EQ(test::fedfuse(line("--time-budget 0.001")).code, 75);
  test::without_a_trace([&] {
    const auto refused = test::fedfuse_on(2, line(cat("--resume --isa ", low)));
    test::expect_refused(refused,
                         cat("was made with the target ", high, ", and this run has ", low));
    EXPECT_TRUE(refused.says(cat("available here: ", joined(names, ", ")))) << refused.output;
  });
  EXPECT_EQ(test::fedfuse_on(2, line(cat("--resume --isa ", high))).code, 0);
}

// What a target's library shows could be taken for another's.
TEST(IsaPortable, a_target_shows_nothing_but_its_entry) {
  if (test::shell("command -v nm").code != 0) GTEST_SKIP() << "no nm";
  const auto folder = fs::path(FEDFUSE_PROGRAM_FOLDER) / "lib/fedfuse";
  for (const auto level : targets_of_this_build().levels) {
    const auto path = folder / cat("libfedfuse-", level, ".so");
    const auto shown =
        test::shell(cat("nm -D --defined-only --format=just-symbols \"", path.string(), "\""));
    EXPECT_EQ(shown.output, "fedfuse_program\n") << path;
  }
}

TEST(IsaPortable, a_program_without_its_targets_says_so) {
  const auto lonely = Place::get().file("lonely_fedfuse");
  fs::copy_file(fs::path(FEDFUSE_PROGRAM_FOLDER) / "fedfuse", lonely);
  test::expect_refused(test::shell(lonely + " --version"), "cannot load the code for ");
}

}  // namespace
}  // namespace fedfuse
