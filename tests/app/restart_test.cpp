// Checkpoints as a person meets them: resumed on other ranks, damaged, of another run, without
// room; and stopping in time.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --backbone fedrap --fusion gfmfr --dim 8 --groups 3 --teacher-epochs 1 --data ",
             Place::get().file("data.h5"), " --out ", Place::get().file(name), " ", more);
}

// Breaks a byte in the middle of the data.
void damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(std::streamoff(fs::file_size(path) / 2));
  file.write("damaged!", 8);
}

TEST(Restart, a_time_budget_ends_with_75_and_a_damaged_checkpoint_is_left_aside) {
  const auto& place = Place::get();
  ASSERT_EQ(test::fedfuse(train("whole.h5", "--rounds 6")).code, 0);
  const auto tiny =
      test::fedfuse_on(2, train("tiny.h5", "--rounds 6 --checkpoint-every 2 --time-budget 0.001"));
  EXPECT_EQ(tiny.code, 75) << tiny.output;
  EXPECT_TRUE(tiny.says("time budget of 0.001 is used up after round 1")) << tiny.output;
  EXPECT_EQ(h5::File::open(place.file("tiny.h5")).text("/", "status"), "interrupted");
  const auto second = test::fedfuse(train("tiny.h5", "--rounds 6 --resume --time-budget 0.001"));
  EXPECT_EQ(second.code, 75) << second.output;
  ASSERT_TRUE(fs::exists(place.file("tiny.ckpt.2.h5")) && fs::exists(place.file("tiny.ckpt.1.h5")));

  const auto refused = test::fedfuse_on(2, train("tiny.h5", "--rounds 6 --resume --lr 0.2"));
  test::expect_refused(refused, "--lr was 0.3 there and is 0.2 here");
  test::expect_refused(test::fedfuse(train("tiny.h5", "--rounds 6")), "--resume");

  damage(place.file("tiny.ckpt.2.h5"));
  const auto info = test::fedfuse(cat("info ", place.file("tiny.ckpt.1.h5")));
  EXPECT_TRUE(info.code == 0 && info.says("checkpoint after round 1 of 6")) << info.output;
  const auto resumed = test::fedfuse_on(3, train("tiny.h5", "--rounds 6 --resume"));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_TRUE(resumed.says("tiny.ckpt.2.h5 is damaged") && resumed.says("resumed after round 1"))
      << resumed.output;
  const auto a = h5::File::open(place.file("whole.h5")), b = h5::File::open(place.file("tiny.h5"));
  for (const char* name :
       {"/metrics/loss", "/metrics/valid_ndcg_50", "/metrics/teacher_loss", "/groups/moved"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << name;
  for (const char* name : {"/model/item_table", "/model/overlay_rows", "/groups/preferences"})
    EXPECT_EQ(a.read_all<float>(name), b.read_all<float>(name)) << name;
  EXPECT_EQ(a.read_all<std::int32_t>("/groups/of_client_by_round"),
            b.read_all<std::int32_t>("/groups/of_client_by_round"));
  // The start that wrote the damaged file is not part of what the result came from.
  EXPECT_NE(b.text("/", "provenance").find("\"resumed_times\":1,\"resumed\":[{\"after_round\":1"),
            std::string::npos);
}

// Checkpoints of two runs in one folder: the newest is refused with its reason, and the older one,
// which fits, is named.
TEST(Restart, of_another_run_the_older_one_is_offered) {
  const auto& place = Place::get();
  ASSERT_EQ(test::fedfuse(train("mine.h5", "--rounds 4 --checkpoint-every 1")).code, 0);
  ASSERT_EQ(test::fedfuse(train("theirs.h5", "--rounds 5 --checkpoint-every 2 --lr 0.05")).code, 0);
  fs::copy_file(place.file("theirs.ckpt.4.h5"), place.file("mine.ckpt.4.h5"));
  const auto outcome = test::fedfuse_on(2, train("mine.h5", "--rounds 6 --resume"));
  test::expect_refused(outcome, "--lr was 0.05 there and is 0.3 here");
  EXPECT_TRUE(outcome.says(cat("or move it away, to go on from ", place.file("mine.ckpt.3.h5"),
                               ", which is of this run, after round 3")))
      << outcome.output;
  fs::remove(place.file("mine.ckpt.4.h5"));
  {
    auto later = h5::File::create(place.file("mine.ckpt.9.h5"));
    later.set("/", "format", std::string("fedfuse-checkpoint"));
    later.set("/", "schema_version", std::int64_t(3));
  }
  const auto of_later = test::fedfuse(train("mine.h5", "--rounds 6 --resume"));
  test::expect_refused(of_later, "this fedfuse reads version 2");
  EXPECT_TRUE(of_later.says("or move it away, to go on from " + place.file("mine.ckpt.3.h5")))
      << of_later.output;
  fs::remove(place.file("mine.ckpt.9.h5"));
  EXPECT_TRUE(test::fedfuse(train("mine.h5", "--rounds 6 --resume")).says("resumed after round 3"));
}

TEST(Restart, without_a_checkpoint_it_begins_and_says_so) {
  const auto outcome = test::fedfuse(train("fresh.h5", "--rounds 1 --resume"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(outcome.says("there is no checkpoint beside")) << outcome.output;
}

// The signals that a scheduler sends before SIGKILL. The resumed run ends with the bits of a run
// without interruption.
TEST(Restart, either_signal_ends_with_75_and_all_saved) {
  const auto& place = Place::get();
  for (const char* signal : {"TERM", "USR1"}) {
    const std::string name = cat(signal, ".h5");
    const auto outcome =
        test::shell(cat(FEDFUSE_PROGRAM, " ", train(name, "--rounds 100000 --checkpoint-every 2"),
                        " & p=$!; until compgen -G ", place.file(signal),
                        ".ckpt.*.h5; do sleep 0.02; done; kill -", signal, " $p; wait $p"));
    EXPECT_EQ(outcome.code, 75) << outcome.output;
    EXPECT_TRUE(outcome.says(cat("SIG", signal, " came after round")) &&
                outcome.says("all state is in"))
        << outcome.output;
    const auto file = h5::File::open(place.file(name));
    EXPECT_EQ(file.text("/", "status"), "interrupted");
    const auto done = file.shape("/metrics/loss").at(0);
    EXPECT_TRUE(fs::exists(place.file(cat(signal, ".ckpt.", done, ".h5"))))
        << "the round that was finished is not the one that was saved";
  }
}

TEST(Restart, a_time_budget_that_is_none_is_refused) {
  test::expect_refused(test::fedfuse(train("none.h5", "--time-budget soon")),
                       "--time-budget \"soon\"");
}

// Room for the result, not for the optimizer's moments: the run goes on without.
TEST(Restart, a_checkpoint_without_room_is_a_warning) {
  const auto folder = Place::get().file("small_disk");
  fs::create_directory(folder);
  if (geteuid() != 0 || test::shell(cat("mount -t tmpfs -o size=5m tmpfs ", folder)).code != 0)
    GTEST_SKIP() << "no right to mount a tmpfs";
  const auto outcome =
      test::fedfuse_on(2, cat("train --backbone fcf --fusion mlp --dim 256 --rounds 3 --lr-items 1 "
                              "--checkpoint-every 1 --data ",
                              Place::get().file("data.h5"), " --out ", folder, "/run.h5"));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(outcome.says("no checkpoint after round 2, none is kept; the run goes on"))
      << outcome.output;
  EXPECT_TRUE(fs::exists(folder + "/run.h5"));
  for (const auto& entry : fs::directory_iterator(folder))
    EXPECT_EQ(entry.path().string().find("ckpt"), std::string::npos) << entry.path();
  test::shell(cat("umount ", folder));
  fs::remove(folder);
}

}  // namespace
}  // namespace fedfuse
