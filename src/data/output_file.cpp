#include "data/output_file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace fedfuse {
namespace {
namespace fs = std::filesystem;

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
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

[[noreturn]] void refuse(const std::string& path, const std::string& why,
                         const std::string& what_to_do) {
  throw InputError(cat("cannot write ", path), why, what_to_do);
}

std::string folder_of(const std::string& path) {
  const auto folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

void check_place(const std::string& path, bool overwrite, std::int64_t bytes) {
  std::error_code error;
  if (path.empty()) refuse("the output", "its path is empty", "name a file with --out");
  if (fs::is_directory(path, error)) refuse(path, "it is a folder", "name a file in it");
  if (!overwrite && fs::exists(fs::symlink_status(path, error)))
    refuse(path, "it exists already", "choose another path, or add --overwrite");
  const auto folder = folder_of(path);
  if (!fs::is_directory(folder, error))
    refuse(path, cat("there is no folder ", folder), cat("make it first: mkdir -p ", folder));
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) return;  // the system does not tell: the write will
  const double left = double(disk.f_bavail) * double(disk.f_frsize);
  if (left < double(bytes))
    refuse(path,
           cat("it needs ", bytes >> 20, " MiB and the disk has ", std::int64_t(left) >> 20,
               " MiB left"),
           "free some space or write to another disk");
}

}  // namespace

std::string without_h5(const std::string& path) {
  for (const std::string_view ending : {".h5", ".hdf5"}) {
    const auto name = fs::path(path).filename().string();
    if (name.ends_with(ending) && name.size() > ending.size())
      return path.substr(0, path.size() - ending.size());
  }
  return path;
}

OutputFile::OutputFile(std::string path, bool overwrite, std::int64_t bytes, const Comm& comm)
    : comm_(comm), path_(std::move(path)), partial_(path_ + ".partial") {
  comm_.on_root([&] {
    check_place(path_, overwrite, bytes);
    const Descriptor file(partial_, O_CREAT | O_WRONLY | O_TRUNC);
    if (!file.is_open()) refuse(path_, std::strerror(errno), "choose a place where you may write");
    ours_ = true;
    // Now, not half-way: HDF5 does not survive a file that it can neither write nor close.
    if (const int error = file.reserve(bytes); error != 0) {
      discard();
      refuse(path_, cat("it needs ", bytes >> 10, " KiB: ", std::strerror(error)),
             "free some space or write to another disk");
    }
  });
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() {
  if (ours_) ::unlink(partial_.c_str());
  ours_ = false;
}

void OutputFile::release_space() {
  if (ours_) (void)!::truncate(partial_.c_str(), 0);
  comm_.barrier();
}

void OutputFile::bring_to_disk() const {
  if (const Descriptor file(partial_, O_RDWR); !file.is_open() || !file.sync())
    refuse(path_, std::strerror(errno), "free some space or write to another disk");
}

void OutputFile::give_name() {
  if (std::rename(partial_.c_str(), path_.c_str()) != 0)
    refuse(path_, std::strerror(errno), "choose a place where you may write");
  ours_ = false;
  const Descriptor folder(folder_of(path_), O_RDONLY);  // the name too survives a power cut
  if (folder.is_open()) (void)folder.sync();
}

void OutputFile::commit() {
  const bool first_of_node = comm_.rank_on_this_node() == 0;
  comm_.together([&] {
    if (first_of_node) bring_to_disk();
  });
  comm_.on_root([&] { give_name(); });
}

BackgroundCommit::BackgroundCommit(std::unique_ptr<OutputFile> file) : file_(std::move(file)) {
  if (file_->comm_.rank_on_this_node() != 0) return;
  working_ = true;
  worker_ = std::thread([this] {
    const double start = now_seconds();
    try {
      file_->bring_to_disk();
    } catch (...) {
      failure_ = std::current_exception();
    }
    seconds_ = now_seconds() - start;
    working_ = false;
  });
}

BackgroundCommit::~BackgroundCommit() {
  if (worker_.joinable()) worker_.join();
}

bool BackgroundCommit::done() const {
  return file_->comm_.max(std::int64_t(working_ ? 1 : 0)) == 0;
}

void BackgroundCommit::wait() {
  file_->comm_.together([&] {
    if (worker_.joinable()) worker_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  });
  file_->comm_.on_root([&] { file_->give_name(); });
}

}  // namespace fedfuse
