// What is taken as an input; none of it blocks.
#include "core/input_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "tests/core/h5_files.hpp"

namespace fedfuse {
namespace {

using test::expect_refused;

void make_socket(const std::string& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(socket);
}

TEST(InputFile, is_a_file_or_a_pipe_that_is_written) {
  const test::ScratchFolder folder;
  const auto fifo = folder / "fifo", socket = folder / "socket";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  make_socket(socket);
  const auto read = [](const std::string& path) {
    return [path] { (void)InputFile(path).read(); };
  };
  expect_refused(read(folder / "absent"), {"no such file"});
  expect_refused(read(folder / "."), {"it is a folder"});
  expect_refused(read("/dev/zero"), {"it is a device"});
  expect_refused(read(socket), {"it is a socket"});
  expect_refused(read(fifo), {"it is a pipe", "nothing was written"});

  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    ::usleep(20000);
    EXPECT_EQ(::write(ends[1], "text", 4), 4);
    ::close(ends[1]);
  });
  EXPECT_EQ(InputFile("/dev/fd/" + std::to_string(ends[0])).read(), "text");
  writer.join();
  ::close(ends[0]);
}

}  // namespace
}  // namespace fedfuse
