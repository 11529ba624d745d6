#include "app/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace fedfuse {

void secure_standard_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  // in this order: open() takes the lowest number that is free
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    // for reading only: a write fails, and is noticed
    if (const int opened = ::open("/dev/null", O_RDONLY); opened != stream && opened >= 0)
      ::close(opened);
  }
}

}  // namespace fedfuse
