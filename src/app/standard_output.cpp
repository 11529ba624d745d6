#include "app/standard_output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.hpp"

namespace fedfuse {
namespace {

[[noreturn]] void fail(int reason) {
  throw InputError("the output is not complete: standard output cannot be written",
                   reason == EBADF   ? "it is closed"
                   : reason == EPIPE ? "its reader has ended (broken pipe)"
                   : reason != 0     ? std::strerror(reason)
                                     : "a write failed",
                   "send it to a file or a pipe that takes all of it, and run this again; files "
                   "that were written are whole");
}

}  // namespace

void print(const std::string& text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail(errno);
}

void finish_standard_output() {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  // a failed write before this leaves its mark
  if (!flushed || std::ferror(stdout) != 0) fail(errno);
}

}  // namespace fedfuse
