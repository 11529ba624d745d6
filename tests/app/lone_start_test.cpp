// The program without a launcher: inside a SLURM step, and started many times at once.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

TEST(LoneStart, works_inside_a_slurm_step) {
  const auto step = "SLURM_JOB_ID=1 SLURM_NODELIST=$(uname -n) SLURM_STEP_ID=0 ";
  for (const auto* tasks : {"", "SLURM_STEP_NUM_TASKS=1 "})
    for (const auto& words :
         {std::string("--version"), std::string("--help"), "info " + Place::get().file("data.h5"),
          cat("evaluate --model ", Place::get().file("run.h5"), " --data ",
              Place::get().file("data.h5"))}) {
      const auto outcome = test::shell(cat(step, tasks, FEDFUSE_PROGRAM, " ", words));
      EXPECT_EQ(outcome.code, 0) << words << "\n" << outcome.output;
    }
}

TEST(LoneStart, works_without_a_home) {
  const auto bare = test::shell(cat("env -u HOME -u TMPDIR ", FEDFUSE_PROGRAM, " --version"));
  EXPECT_EQ(bare.code, 0) << bare.output;
}

// A host where MPI_Init cannot work.
TEST(LoneStart, what_needs_no_mpi_starts_none) {
  const auto broken = "OMPI_MCA_orte_tmpdir_base=/dev/null/none OMPI_MCA_btl=none ";
  const auto data = Place::get().file("data.h5"), run = Place::get().file("run.h5");
  const auto with_mpi =
      test::shell(cat(broken, FEDFUSE_PROGRAM, " evaluate --model ", run, " --data ", data));
  if (with_mpi.code == 0) GTEST_SKIP() << "this MPI starts with these settings too";
  for (const auto& words :
       {std::string("--version"), std::string("--help"), std::string("generate --help"),
        std::string("train --dump-config"), cat("info ", data, " ", run), cat("table ", run)}) {
    const auto outcome = test::shell(cat(broken, FEDFUSE_PROGRAM, " ", words));
    EXPECT_EQ(outcome.code, 0) << words << "\n" << outcome.output;
  }
}

TEST(LoneStart, several_ranks_print_once) {
  const auto alone = test::fedfuse("--version"), three = test::fedfuse_on(3, "--version");
  EXPECT_EQ(three.code, 0) << three.output;
  EXPECT_EQ(three.output, alone.output);
}

// Isolated singletons of Open MPI have one job number, so they must not share a session folder.
TEST(LoneStart, many_at_once_do_not_meet) {
  const auto folder = Place::get().file("sessions");
  std::filesystem::create_directory(folder);
  const auto words = cat(" evaluate --model ", Place::get().file("run.h5"), " --data ",
                         Place::get().file("data.h5"));
  for (const char* place : {"TMPDIR=", "OMPI_MCA_orte_tmpdir_base="}) {
    const auto line = cat(place, folder, " ", FEDFUSE_PROGRAM, words);
    for (const auto& outcome : test::side_by_side(std::vector<std::string>(60, line)))
      EXPECT_EQ(outcome.code, 0) << outcome.output;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    EXPECT_FALSE(entry.path().filename().string().starts_with("fedfuse-mpi-"))
        << entry.path() << " was left";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace fedfuse
