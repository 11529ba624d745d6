#include "tests/app/program.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"

namespace fedfuse::test {

namespace fs = std::filesystem;

Outcome shell(const std::string& line) {
  // where a test is started by hand, what ctest sets for it
  const auto settings = cat(". \"", FEDFUSE_SOURCE_DIR, "/jobs/lib/mpi_environment.sh\"; ");
  const auto whole = cat("timeout 60 bash -c '", settings, line, "' 2>&1 </dev/null");
  // NOLINTNEXTLINE(bugprone-command-processor): these lines are for a shell
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(whole.c_str(), "r"),
                                                             [](std::FILE*) { return 0; });
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    outcome.output.append(buffer.data(), n);
  const int status = pclose(pipe.get());
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

Outcome fedfuse(const std::string& arguments) {
  return shell(cat(FEDFUSE_PROGRAM, " ", arguments));
}
Outcome fedfuse_on(int ranks, const std::string& arguments) {
  return shell(cat(FEDFUSE_MPIRUN, " -n ", ranks, " ", FEDFUSE_PROGRAM, " ", arguments));
}

namespace {

// Several mpirun at once would make and remove one session folder under TMPDIR.
Outcome shell_apart(const std::string& line) {
  if (line.find(FEDFUSE_MPIRUN) == std::string::npos) return shell(line);
  auto folder = (fs::temp_directory_path() / "fedfuse_mpi_XXXXXX").string();
  FEDFUSE_CHECK(mkdtemp(folder.data()) != nullptr, "no temporary folder can be made");
  auto outcome = shell(cat("export TMPDIR=", folder, "; ", line));
  fs::remove_all(folder);
  return outcome;
}

}  // namespace

std::vector<Outcome> side_by_side(const std::vector<std::string>& lines) {
  constexpr std::size_t beside = 6;
  std::vector<Outcome> outcomes;
  for (std::size_t first = 0; first < lines.size(); first += beside) {
    std::vector<std::future<Outcome>> running;
    for (std::size_t k = first; k < std::min(first + beside, lines.size()); ++k)
      running.push_back(std::async(std::launch::async, shell_apart, lines[k]));
    for (auto& one : running) outcomes.push_back(one.get());
  }
  return outcomes;
}

void expect_all_refused(const std::vector<RefusedLine>& cases) {
  std::vector<std::string> lines;
  for (const auto& c : cases) lines.push_back(c.line);
  without_a_trace([&] {
    const auto outcomes = side_by_side(lines);
    for (std::size_t k = 0; k < lines.size(); ++k) {
      SCOPED_TRACE(lines[k]);
      expect_refused(outcomes[k], cases[k].because);
    }
  });
}

const Place& Place::get() {
  static const Place place;
  return place;
}

Place::Place() : path_((fs::temp_directory_path() / "fedfuse_app_XXXXXX").string()) {
  FEDFUSE_CHECK(mkdtemp(path_.data()) != nullptr, "no temporary folder can be made");
  fs::create_directory(file("folder"));
  setenv("OMP_NUM_THREADS", "1", 0);
  const auto made = fedfuse(
      cat("generate --users 60 --items 60 --dim-text 8 --dim-image 8 --out ", file("data.h5")));
  EXPECT_EQ(made.code, 0) << made.output;
  const auto trained =
      fedfuse(cat("train --data ", file("data.h5"), " --rounds 1 --dim 8 --out ", file("run.h5")));
  EXPECT_EQ(trained.code, 0) << trained.output;

  write_text(file("text.h5"), "this is not HDF5\n");
  write_text(file("empty"), "");
  FEDFUSE_CHECK(mkfifo(file("fifo").c_str(), 0600) == 0, "no FIFO can be made");
  fs::copy_file(file("data.h5"), file("cut.h5"));
  fs::resize_file(file("cut.h5"), fs::file_size(file("data.h5")) / 2);
  h5::File::create(file("foreign.h5")).set("/", "format", std::string("somebody-elses"));
  for (const char* format : {"fedfuse-dataset", "fedfuse-result"}) {
    auto later = h5::File::create(file(cat("later-", format, ".h5")));
    later.set("/", "format", std::string(format));
    later.set("/", "schema_version", std::int64_t(99));
  }
}
Place::~Place() {
  std::error_code error;
  fs::remove_all(path_, error);
}
std::vector<std::string> Place::entries() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(path_))
    names.push_back(entry.path().string());
  std::ranges::sort(names);
  return names;
}

void expect_refused(const Outcome& outcome, const std::string& because) {
  EXPECT_EQ(outcome.code, 2) << outcome.output;
  EXPECT_TRUE(outcome.says(because)) << "no \"" << because << "\" in: " << outcome.output;
  std::size_t said = 0;
  for (auto at = outcome.output.find("fedfuse: error:"); at != std::string::npos;
       at = outcome.output.find("fedfuse: error:", at + 1))
    ++said;
  EXPECT_EQ(said, 1u) << outcome.output;
  EXPECT_TRUE(outcome.says("\n  why: ") && outcome.says("\n  do:  ")) << outcome.output;
  EXPECT_FALSE(outcome.says("terminate called") || outcome.says("Backtrace") ||
               outcome.says("HDF5-DIAG"))
      << outcome.output;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace fedfuse::test
