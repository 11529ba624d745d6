#include "core/input_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

// What it is where it is neither a regular file nor a pipe; "" where it is.
std::string other_kind(mode_t mode) {
  if (S_ISREG(mode) || S_ISFIFO(mode)) return "";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  struct stat status{};
  // before open(): to open a device may change it
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) refuse("there is no such file", "check the path");
    refuse(std::strerror(errno), "check the path and its permissions");
  }
  if (const auto kind = other_kind(status.st_mode); !kind.empty())
    refuse(cat("it is ", kind), S_ISDIR(status.st_mode) ? "name a file in it" : "name a file");
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor_ < 0)
    refuse(cat("it cannot be opened: ", std::strerror(errno)), "check its permissions");
  is_pipe_ = S_ISFIFO(status.st_mode);
  bytes_ = is_pipe_ ? 0 : std::int64_t(status.st_size);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::refuse(const std::string& why, const std::string& what_to_do) const {
  throw InputError(cat("cannot read ", path_), why, what_to_do);
}

// Of a pipe whose writer has not written yet.
void InputFile::wait_for_bytes() const {
  pollfd wanted{descriptor_, POLLIN, 0};
  constexpr int without_end = -1;
  ::poll(&wanted, 1, without_end);
}

std::string InputFile::read() const {
  if (const auto memory = available_memory_bytes(); bytes_ > memory)
    refuse(cat("it has ", bytes_, " bytes, and ", memory, " bytes of memory are free"),
           "split it, or use a machine with more memory");
  std::string text;
  text.reserve(std::size_t(bytes_));
  std::vector<char> piece(std::size_t(1) << 20);
  while (true) {
    const auto n = ::read(descriptor_, piece.data(), piece.size());
    if (n == 0) break;
    if (n > 0) {
      text.append(piece.data(), std::size_t(n));
    } else if (errno == EAGAIN) {
      wait_for_bytes();
    } else if (errno != EINTR) {
      refuse(cat("reading it failed half-way: ", std::strerror(errno)), "check the disk");
    }
  }
  if (is_pipe_ && text.empty())
    refuse("it is a pipe, and nothing was written to it",
           "start the program that writes to it first, or name a file");
  return text;
}

}  // namespace fedfuse
