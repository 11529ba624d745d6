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
    for (const auto& words : {std::string("--version"), std::string("--help"),
                              "info " + Place::get().file("data.h5")}) {
      const auto outcome = test::shell(cat(step, tasks, FEDFUSE_PROGRAM, " ", words));
      EXPECT_EQ(outcome.code, 0) << words << "\n" << outcome.output;
    }
}

TEST(LoneStart, works_without_a_home) {
  const auto bare = test::shell(cat("env -u HOME -u TMPDIR ", FEDFUSE_PROGRAM, " --version"));
  EXPECT_EQ(bare.code, 0) << bare.output;
}

// Isolated singletons of Open MPI have one job number, so they must not share a session folder.
TEST(LoneStart, many_at_once_do_not_meet) {
  const auto folder = Place::get().file("sessions");
  std::filesystem::create_directory(folder);
  for (const char* place : {"TMPDIR=", "OMPI_MCA_orte_tmpdir_base="}) {
    const auto line = cat(place, folder, " ", FEDFUSE_PROGRAM, " --version");
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
