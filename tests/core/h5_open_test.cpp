// What is said of a file that cannot be opened; none of them blocks.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/h5.hpp"
#include "tests/core/h5_files.hpp"

namespace fedfuse {
namespace {

using test::expect_refused;

TEST(H5Open, names_what_is_wrong_with_the_file) {
  const test::ScratchFolder folder;
  const auto path = folder / "x.h5", fifo = folder / "fifo", empty = folder / "empty",
             text = folder / "text";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::ofstream(empty).close();
  std::ofstream(text) << "userId,itemId\n";
  const int one = 1;
  test::write_dataset(test::new_file(path), "x", H5T_NATIVE_INT, {1}, &one);
  const auto open = [](const std::string& name) { return [name] { (void)h5::File::open(name); }; };
  expect_refused(open(fifo), {"it is a pipe"});
  expect_refused(open(empty), {"it is empty"});
  expect_refused(open(text), {"not an HDF5 file"});
  expect_refused(open("/dev/null"), {"it is a device"});
  EXPECT_NO_THROW(open(path)());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  expect_refused(open(path), {"truncated file"});
}

TEST(H5Open, says_that_another_program_holds_the_lock) {
  const test::ScratchFolder folder;
  const auto path = folder / "x.h5";
  (void)test::new_file(path);
  const int other = ::open(path.c_str(), O_RDWR);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  expect_refused([&] { (void)h5::File::open(path); },
                 {"it is locked", "another program", "HDF5_USE_FILE_LOCKING=FALSE"});
  ::close(other);
  EXPECT_NO_THROW((void)h5::File::open(path));
}

}  // namespace
}  // namespace fedfuse
