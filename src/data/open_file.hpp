#pragma once
// An open file of this process, owned.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "data/output_claim.hpp"

namespace fedfuse {

class OpenFile {
 public:
  // No symbolic link is followed; a FIFO does not wait for its reader.
  OpenFile(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] std::optional<FileIdentity> identity() const {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return std::nullopt;
    return FileIdentity(status.st_dev, status.st_ino);
  }
  [[nodiscard]] bool sync() const { return ::fsync(fd_) == 0; }
  // Asks the file system for the bytes. 0, or why it will not give them; file systems that cannot
  // answer say 0.
  [[nodiscard]] int reserve(std::int64_t bytes) const {
    const int error = ::posix_fallocate(fd_, 0, off_t(bytes));
    return error == EINVAL || error == EOPNOTSUPP || error == ENOSYS ? 0 : error;
  }

 private:
  int fd_;
};

}  // namespace fedfuse
