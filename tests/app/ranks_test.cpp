// Failures under mpirun: all ranks end, with one message and one exit code.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& data, int number) {
  const auto& place = Place::get();
  return cat(FEDFUSE_PROGRAM, " train --rounds 1 --dim 8 --data ", place.file(data), " --out ",
             place.file("new"), number, ".h5");
}
std::string on_two(const std::string& arguments) {
  return cat(FEDFUSE_MPIRUN, " -n 2 ", FEDFUSE_PROGRAM, " ", arguments);
}
// One launch of a script, because Open MPI 5 itself fails at a launch of two programs (a : b).
std::string on_one_each(const std::string& first, const std::string& second) {
  static int scripts = 0;
  const auto script = Place::get().file(cat("each", ++scripts, ".sh"));
  test::write_text(script, cat("if [ \"$OMPI_COMM_WORLD_RANK\" = 0 ]; then exec ", first,
                               "; fi\nexec ", second, "\n"));
  return cat(FEDFUSE_MPIRUN, " -n 2 bash ", script);
}

TEST(Ranks, all_ranks_refuse_together) {
  const auto file = [](const std::string& name) { return Place::get().file(name); };
  test::expect_all_refused(
      {{on_two(cat("train --data ", file("absent.h5"), " --out ", file("new1.h5"))),
        "no such file"},
       {on_two(cat("train --data ", file("cut.h5"), " --out ", file("new2.h5"))), "truncated"},
       {on_two(cat("train --data ", file("data.h5"), " --out ", file("run.h5"))), "--overwrite"},
       {on_two(cat("train --data ", file("data.h5"), " --out ", file("new3.h5"), " --unknown")),
        "--unknown"},
       {on_two(cat("evaluate --model ", file("text.h5"), " --data ", file("data.h5"))),
        "not an HDF5 file"},
       {on_two(cat("generate --users 0 --out ", file("new4.h5"))), "--users"},
       {on_two(cat("import --inter ", file("empty"), " --out ", file("new5.h5"))), "empty"},
       {on_two(cat("info ", file("foreign.h5"))), "not a file of fedfuse"}});
}

TEST(Ranks, more_ranks_than_clients) {
  const auto& place = Place::get();
  ASSERT_EQ(
      test::fedfuse(cat("generate --users 2 --groups 1 --items 60 --out ", place.file("two.h5")))
          .code,
      0);
  test::expect_all_refused({{cat(FEDFUSE_MPIRUN, " -n 3 ", FEDFUSE_PROGRAM, " train --data ",
                                 place.file("two.h5"), " --out ", place.file("new.h5")),
                             "3 ranks for 2 clients"}});
}

// Ranks that are told different things: one cannot read its file, one cannot understand its line.
TEST(Ranks, one_rank_that_cannot_begin_ends_all) {
  test::expect_all_refused(
      {{on_one_each(train("data.h5", 1), train("absent.h5", 1)), "no such file"},
       {on_one_each(train("cut.h5", 2), train("data.h5", 2)), "truncated"},
       {on_one_each(train("data.h5", 3), train("data.h5", 3) + " --rounds x"), "--rounds"}});
}

TEST(Ranks, one_rank_that_fails_alone_ends_all) {
  std::vector<std::string> lines;
  for (const char* what : {"nothing", "late", "input", "memory", "bug"})
    lines.push_back(cat(FEDFUSE_MPIRUN, " -n 3 ", FEDFUSE_LONELY, " ", what));
#ifdef FEDFUSE_HAVE_NCCL
  lines.push_back(cat(FEDFUSE_MPIRUN, " -n 3 ", FEDFUSE_LONELY, " nccl"));
#endif
  const auto outcomes = test::side_by_side(lines);
  const auto expect = [&](std::size_t k, int code, const std::string& said) {
    SCOPED_TRACE(lines[k]);
    EXPECT_EQ(outcomes[k].code, code) << outcomes[k].output;
    EXPECT_TRUE(outcomes[k].says(said)) << outcomes[k].output;
  };
  expect(0, 0, "");
  expect(1, 2, "fedfuse: error: found late");
  expect(2, 2, "fedfuse: error: a file of one rank");
  expect(3, 1, "out of memory on rank 2");
  expect(4, 1, "internal error on rank 2: out of range");
  if (lines.size() > 5)
    expect(5, 1, "ncclAllReduce, while it was waited for on rank 2: a link is broken");
}

// A full disk, as small as can be: needs the right to mount.
class TinyDisk {
 public:
  TinyDisk() : folder_(Place::get().file("disk")) {
    std::filesystem::create_directory(folder_);
    mounted_ =
        geteuid() == 0 && test::shell(cat("mount -t tmpfs -o size=256k tmpfs ", folder_)).code == 0;
  }
  ~TinyDisk() {
    if (mounted_) test::shell(cat("umount ", folder_));
    std::error_code error;
    std::filesystem::remove(folder_, error);
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  bool mounted_ = false;
};

TEST(Ranks, a_full_disk_is_reported_and_left_clean) {
  const TinyDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a tmpfs";
  const auto data = Place::get().file("data.h5");
  test::expect_all_refused(
      {{on_two(cat("train --rounds 1 --data ", data, " --out ", disk.file("new1.h5"))),
        "cannot write"},
       {on_two(cat("generate --users 2000 --out ", disk.file("new2.h5"))), "cannot write"}});
}

// The space was there when it was asked for, and then one rank's writes fail: HDF5 cannot even
// close the file. Over TCP, because the limit would also hit MPI's shared memory.
TEST(Ranks, a_write_that_fails_in_the_middle_on_one_rank_ends_all_and_keeps_the_file_before) {
  const auto& place = Place::get();
  const auto kept = place.file("kept.h5");
  const auto line = cat(FEDFUSE_PROGRAM, " train --rounds 1 --dim 64 --data ",
                        place.file("data.h5"), " --overwrite --out ", kept);
  ASSERT_EQ(test::shell(line).code, 0);
  const auto bytes = test::read_text(kept);
  const auto limited = cat("bash -c 'ulimit -f 8; exec ", line, "'");
  test::expect_all_refused(
      {{cat("export OMPI_MCA_btl=self,tcp; ", on_one_each(line, limited)), "cannot write"}});
  EXPECT_EQ(test::read_text(kept), bytes);
}

}  // namespace
}  // namespace fedfuse
