// Bad places, bad files, full disks: an InputError on every rank, and nothing lost or left behind.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/output_file.hpp"
#include "results/output_space.hpp"
#include "results/reader.hpp"
#include "results/result_file.hpp"
#include "results/writer.hpp"
#include "tests/results/synthetic.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

// Files of this process may not grow beyond `bytes`: what a full disk does, without filling one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

// Where root runs the tests: files are opened as the user nobody, since root may write everywhere.
class WithoutRoot {
 public:
  WithoutRoot() {
    if (root_) {
      EXPECT_EQ(seteuid(nobody), 0);
    }
  }
  ~WithoutRoot() {
    if (root_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;

 private:
  static constexpr uid_t nobody = 65534;
  bool root_ = geteuid() == 0;
};

template <class Work>
std::string input_error_of(Work&& work) {
  try {
    work();
  } catch (const InputError& e) {
    return e.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Failures, names_with_points_have_twins_of_their_own) {
  EXPECT_EQ(twin_path("out/run.h5"), "out/run.json");
  EXPECT_EQ(twin_path("run.hdf5"), "run.json");
  EXPECT_EQ(twin_path("lr0.1"), "lr0.1.json");
  EXPECT_EQ(twin_path("lr0.5"), "lr0.5.json");
  EXPECT_EQ(twin_path("v1.2/run"), "v1.2/run.json");
}

TEST(Failures, places_that_cannot_be_written_are_refused_before_the_run) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  const auto refused = [&](const std::string& path, bool overwrite) {
    return input_error_of([&] { check_writable(path, overwrite, comm); });
  };
  EXPECT_TRUE(says(refused("", false), "--out"));
  EXPECT_TRUE(says(refused(folder.file("absent/run.h5"), false), "no folder"));
  EXPECT_TRUE(says(refused(folder.file("run.json"), false), ".h5"));
  comm.on_root([&] {
    fs::create_directory(folder.file("folder.h5"));
    std::ofstream(folder.file("old.h5")) << "kept";
    std::ofstream(folder.file("twin.json")) << "kept";
    fs::create_symlink("/dev/full", folder.file("device.h5"));
  });
  EXPECT_TRUE(says(refused(folder.file("folder.h5"), true), "folder"));
  EXPECT_TRUE(says(refused(folder.file("old.h5"), false), "--overwrite"));
  EXPECT_TRUE(says(refused(folder.file("twin.h5"), false), "twin.json"));
  EXPECT_TRUE(says(refused(folder.file("device.h5"), true), "plain file"));
  EXPECT_NO_THROW(check_writable(folder.file("old.h5"), true, comm));
  EXPECT_NO_THROW(check_writable(folder.file("new.h5"), false, comm));
  comm.barrier();
  EXPECT_EQ(folder.entries().size(), 4u) << "the probe left a file";
}

TEST(Failures, a_folder_without_permission_is_refused) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  comm.on_root([&] {
    fs::create_directory(folder.file("closed"));
    fs::permissions(folder.file(""), fs::perms::owner_all | fs::perms::others_exec);
    fs::permissions(folder.file("closed"), fs::perms::none);
  });
  comm.barrier();
  std::string error;
  {
    const WithoutRoot nobody;
    error = input_error_of([&] { check_writable(folder.file("closed/run.h5"), false, comm); });
  }
  EXPECT_TRUE(says(error, "cannot write")) << error;
  // so that it can be removed
  comm.on_root([&] { fs::permissions(folder.file("closed"), fs::perms::owner_all); });
}

struct Written {
  explicit Written(const Comm& comm)
      : folder(comm),
        data(test::synthetic_data(comm, test::Deal::round_robin)),
        run(test::synthetic_run("fedrap", "gfmfr", 0, data, comm)) {
    write_result(path(), run.record, run.spec, run.global, run.state, data, comm);
  }
  [[nodiscard]] std::string path() const { return folder.file("run.h5"); }
  test::TemporaryFolder folder;
  Dataset data;
  test::Run run;
};

// From the first byte on: another's file that fills the disk meanwhile must not end this one
// half-way.
TEST(Failures, a_file_that_is_being_written_holds_its_space) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  const auto path = folder.file("run.h5");
  constexpr std::int64_t bytes = 1 << 20;
  const auto held = [&](const std::string& file) {
    struct stat status{};
    return ::stat(file.c_str(), &status) == 0 ? std::int64_t(status.st_blocks) * 512 : -1;
  };
  OutputFile output(path, Existing::replace, bytes, comm);
  comm.on_root([&] { reserve_space(output.partial(), path, bytes); });
  {
    ResultSink sink(output.partial(), path, comm, bytes);
    if (comm.root()) {
      const int probe = ::open(folder.file("probe").c_str(), O_CREAT | O_WRONLY, 0600);
      // not every file system can
      const bool can = ::fallocate(probe, FALLOC_FL_KEEP_SIZE, 0, bytes) == 0;
      ::close(probe);
      fs::remove(folder.file("probe"));
      EXPECT_TRUE(!can || held(output.partial()) >= bytes);
    }
    const std::vector<float> values(1000, 1.0f);
    sink.plain_all<float>("/values", 0, values);
    sink.close();
  }
  output.commit();
  comm.on_root([&] {
    EXPECT_LT(fs::file_size(path), 65536u);
    EXPECT_EQ(h5::File::open(path).read_all<float>("/values").size(), 1000u);
  });
}

void expect_kept(const Written& w, const Comm& comm) {
  comm.barrier();
  EXPECT_EQ(w.folder.entries().size(), 2u) << "a partial file was left";
  EXPECT_EQ(read_result(w.path(), w.data, comm).model.state, w.run.state);
}

TEST(Failures, a_full_disk_is_an_input_error_and_the_file_before_is_kept) {
  const auto comm = Comm::world();
  const Written w(comm);
  {
    const FileSizeLimit limit(20000);
    const auto text = input_error_of([&] {
      write_result(w.path(), w.run.record, w.run.spec, w.run.global, w.run.state, w.data, comm);
    });
    EXPECT_TRUE(says(text, "cannot write") && says(text, "free some space")) << text;
  }
  expect_kept(w, comm);
}

TEST(Failures, files_that_are_no_results_are_refused_with_the_reason) {
  const auto comm = Comm::world();
  const Written w(comm);
  const auto other = w.folder.file("other.h5");
  const auto refused = [&](const Dataset& data, const std::string& path) {
    return input_error_of([&] { static_cast<void>(read_result(path, data, comm)); });
  };
  EXPECT_TRUE(says(refused(w.data, w.folder.file("absent.h5")), "no such file"));
  comm.on_root([&] { std::ofstream(other) << "not HDF5 at all"; });
  EXPECT_TRUE(says(refused(w.data, other), "not an HDF5 file"));
  comm.on_root([&] {
    fs::copy_file(w.path(), other, fs::copy_options::overwrite_existing);
    fs::resize_file(other, fs::file_size(other) / 2);
  });
  EXPECT_TRUE(says(refused(w.data, other), "cannot read"));
  comm.on_root([&] { h5::File::create(other).set("/", "format", std::string("somebody-elses")); });
  EXPECT_TRUE(says(refused(w.data, other), "somebody-elses"));
  comm.on_root([&] {
    auto file = h5::File::create(other);
    file.set("/", "format", std::string("fedfuse-result"));
    file.set("/", "schema_version", result_schema + 1);
  });
  EXPECT_TRUE(says(refused(w.data, other), cat("schema version ", result_schema + 1)));
  auto larger = w.data;
  larger.items += 1;
  EXPECT_TRUE(says(refused(larger, w.path()), "does not fit"));
}

}  // namespace
}  // namespace fedfuse
