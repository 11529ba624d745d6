#pragma once
// A file that the user names as input, opened: no FIFO, device or socket can block it.
#include <cstdint>
#include <string>

namespace fedfuse {

class InputFile {
 public:
  // A regular file, or a pipe that a program writes to (`--inter <(zcat x.csv.gz)`). InputError
  // when it is absent, a folder, a device or a socket, or may not be read.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] bool is_pipe() const { return is_pipe_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }  // of a pipe: 0
  // All bytes. InputError when reading fails, the memory does not hold them, or nothing writes to
  // the pipe.
  [[nodiscard]] std::string read() const;

 private:
  [[noreturn]] void refuse(const std::string& why, const std::string& what_to_do) const;
  void wait_for_bytes() const;

  std::string path_;
  int descriptor_ = -1;
  bool is_pipe_ = false;
  std::int64_t bytes_ = 0;
};

}  // namespace fedfuse
