// What a command writes never costs what it reads, nor what another run writes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
using test::Place;

// A folder of the test's own, with the data set and the result of the place.
class Folder {
 public:
  explicit Folder(const char* name) : path_(Place::get().file(name)) {
    fs::create_directory(path_);
    for (const char* file : {"data.h5", "run.h5"})
      fs::copy_file(Place::get().file(file), path_ + "/" + file);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(Outputs, no_command_replaces_what_it_reads) {
  const Folder folder("own_inputs");
  const auto file = [&](const char* name) { return folder.file(name); };
  const auto run_csv = cat(file("rows.csv"));
  std::string rows = "userId,itemId,timestamp\n";
  for (int k = 0; k < 60; ++k) rows += cat(k % 6, ",", k, ",", k, "\n");
  test::write_text(run_csv, rows);
  test::write_text(file("text.npy"), "not read");
  test::write_text(file("settings.json"), "rounds = 1\n");
  fs::create_hard_link(file("data.h5"), file("hard.h5"));
  fs::create_symlink(file("data.h5"), file("soft.h5"));
  fs::copy_file(file("data.h5"), file("other.ckpt.3.h5"));
  fs::create_directory_symlink(file("."), file("link"));
  const auto train = [&](const std::string& more) {
    return cat("train --rounds 1 --dim 8 --overwrite ", more);
  };
  const std::vector<std::string> lines{
      train(cat("--data ", file("data.h5"), " --out ", file("data.h5"))),
      train(cat("--data ", file("data.h5"), " --out ", file("hard.h5"))),
      train(cat("--data ", file("soft.h5"), " --out ", file("data.h5"))),
      train(cat("--data ", file("data.h5"), " --out ", file("link/data.h5"))),
      train(cat("--data ", file("data.h5"), " --config ", file("settings.json"), " --out ",
                file("settings.h5"))),
      train(cat("--data ", file("other.ckpt.3.h5"), " --out ", file("other.h5"))),
      cat("evaluate --overwrite --model ", file("run.h5"), " --data ", file("data.h5"), " --out ",
          file("run.h5")),
      cat("evaluate --overwrite --model ", file("run.h5"), " --data ", file("data.h5"), " --out ",
          file("./soft.h5")),
      cat("import --overwrite --inter ", run_csv, " --out ", run_csv),
      cat("import --overwrite --inter ", run_csv, " --text ", file("text.npy"), " --out ",
          file("text.npy"))};
  std::vector<std::string> whole;
  for (const auto& line : lines) whole.push_back(cat(FEDFUSE_PROGRAM, " ", line));
  const auto data = test::read_text(file("data.h5")), model = test::read_text(file("run.h5"));
  const auto outcomes = test::side_by_side(whole);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    SCOPED_TRACE(lines[k]);
    test::expect_refused(outcomes[k], "the same file");
  }
  EXPECT_EQ(test::read_text(file("data.h5")), data);
  EXPECT_EQ(test::read_text(file("other.ckpt.3.h5")), data);
  EXPECT_EQ(test::read_text(file("run.h5")), model);
  EXPECT_EQ(test::read_text(run_csv), rows);
  EXPECT_EQ(test::read_text(file("settings.json")), "rounds = 1\n");
  EXPECT_EQ(test::read_text(file("text.npy")), "not read");
}

TEST(Outputs, a_file_that_appears_during_the_run_stays) {
  const Folder folder("appears");
  const auto out = folder.file("x.h5"), log = folder.file("log");
  const auto outcome = test::shell(
      cat(FEDFUSE_PROGRAM, " train --dim 8 --rounds 2000 --eval-every 1000 --data ",
          folder.file("data.h5"), " --out ", out, " --time-budget 1h 2>", log,
          " & p=$!; until [ -e ", out, ".lock ]; do sleep 0.02; done; sleep 0.1; echo precious >",
          out, "; wait $p; c=$?; cat ", log, "; exit $c"));
  test::expect_refused(outcome, "a file appeared there since the start");
  EXPECT_EQ(test::read_text(out), "precious\n");
  EXPECT_EQ(h5::File::open(folder.file("x.1.h5")).text("/", "status"), "finished");
  EXPECT_FALSE(fs::exists(out + ".lock"));
}

TEST(Outputs, of_two_runs_to_one_path_the_second_is_refused) {
  const Folder folder("two_runs");
  for (const char* name : {"made.h5", "trained.json"}) {
    const auto lock = folder.file(name) + ".lock";
    const int fd = ::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    ASSERT_EQ(::flock(fd, LOCK_EX), 0);  // as a run that goes on
    const auto line = std::string(name) == "made.h5"
                          ? cat("generate --users 40 --items 60 --out ", folder.file("made.h5"))
                          : cat("train --rounds 1 --dim 8 --data ", folder.file("data.h5"),
                                " --out ", folder.file("trained.h5"));
    test::expect_refused(test::fedfuse_on(2, line), "another run writes it");
    EXPECT_TRUE(fs::exists(lock));
    ::close(fd);
    EXPECT_EQ(test::fedfuse_on(2, line).code, 0) << "the lock of a run that is gone blocks";
    EXPECT_FALSE(fs::exists(lock));
  }
}

TEST(Outputs, what_a_killed_run_left_is_replaced_and_nothing_else) {
  const Folder folder("partial");
  const auto line = [&](const char* out) {
    return cat("generate --users 40 --items 60 --out ", folder.file(out));
  };
  test::write_text(folder.file("stale.h5.partial"), "half");
  test::write_text(folder.file("stale.h5.lock"), "");
  EXPECT_EQ(test::fedfuse(line("stale.h5")).code, 0);
  EXPECT_FALSE(fs::exists(folder.file("stale.h5.partial")));
  test::write_text(folder.file("victim"), "precious\n");
  fs::create_symlink(folder.file("victim"), folder.file("soft.h5.partial"));
  test::expect_refused(test::fedfuse(line("soft.h5")), "in the way");
  EXPECT_EQ(test::read_text(folder.file("victim")), "precious\n");
  ASSERT_EQ(mkfifo(folder.file("fifo.h5.partial").c_str(), 0600), 0);
  test::expect_refused(test::fedfuse(line("fifo.h5")), "in the way");
  fs::create_symlink(folder.file("victim"), folder.file("run2.json.partial"));
  test::expect_refused(test::fedfuse(cat("train --rounds 1 --dim 8 --data ", folder.file("data.h5"),
                                         " --out ", folder.file("run2.h5"))),
                       "in the way");
  EXPECT_EQ(test::read_text(folder.file("victim")), "precious\n");
}

}  // namespace
}  // namespace fedfuse
