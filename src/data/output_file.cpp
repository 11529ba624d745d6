#include "data/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
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
#include "data/open_file.hpp"

namespace fedfuse {
namespace {
namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& why,
                         const std::string& what_to_do) {
  throw InputError(cat("cannot write ", path), why, what_to_do);
}

std::string folder_of(const std::string& path) {
  const auto folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

// Renames where nothing stands. 0, or the error; EEXIST when something does.
int rename_to_free_name(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // a file system without it, most have links
  if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str()) == 0 ? 0 : errno;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return errno;
  if (identity_at(to)) return EEXIST;
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

void check_room(const std::string& path, std::int64_t bytes) {
  const auto folder = folder_of(path);
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

void check_place(const std::string& path, bool overwrite) {
  std::error_code error;
  if (path.empty()) refuse("the output", "its path is empty", "name a file with --out");
  if (fs::is_directory(path, error)) refuse(path, "it is a folder", "name a file in it");
  // "unknown" where the folder may not be entered: opening will say so
  const auto there = fs::status(path, error);
  if (fs::status_known(there) && fs::exists(there) && !fs::is_regular_file(there))
    refuse(path, "it is not a plain file", "give another path");
  if (!overwrite && fs::exists(fs::symlink_status(path, error)))
    refuse(path, "it exists already", "choose another path, or add --overwrite");
  const auto folder = folder_of(path);
  if (!fs::is_directory(folder, error))
    refuse(path, cat("there is no folder ", folder), cat("make it first: mkdir -p ", folder));
}

std::string without_h5(const std::string& path) {
  for (const std::string_view ending : {".h5", ".hdf5"}) {
    const auto name = fs::path(path).filename().string();
    if (name.ends_with(ending) && name.size() > ending.size())
      return path.substr(0, path.size() - ending.size());
  }
  return path;
}

OutputFile::OutputFile(std::string path, Existing existing, std::int64_t bytes, const Comm& comm)
    : comm_(comm), path_(std::move(path)), partial_(path_ + partial_ending), existing_(existing) {
  comm_.on_root([&] {
    check_place(path_, existing_ != Existing::refuse);
    check_room(path_, bytes);
    make_partial();
    const OpenFile file(partial_, O_WRONLY);
    // Now, not half-way: HDF5 does not survive a file that it can neither write nor close.
    if (const int error = file.is_open() ? file.reserve(bytes) : errno; error != 0) {
      discard();
      refuse(path_, cat("it needs ", bytes >> 10, " KiB: ", std::strerror(error)),
             "free some space or write to another disk");
    }
  });
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::make_partial() {
  std::error_code error;
  if (const auto there = fs::symlink_status(partial_, error); fs::exists(there)) {
    if (!fs::is_regular_file(there))
      refuse(path_, cat(partial_, " is in the way: it is not a plain file"),
             cat("remove ", partial_, ", or choose another path"));
    ::unlink(partial_.c_str());
  }
  auto file = std::make_unique<OpenFile>(partial_, O_CREAT | O_EXCL | O_WRONLY);
  if (!file->is_open())
    refuse(path_, cat(partial_, ": ", std::strerror(errno)), "choose a place where you may write");
  ours_ = file->identity();
  held_ = std::move(file);
}

void OutputFile::discard() {
  if (ours_ && identity_at(partial_) == ours_) ::unlink(partial_.c_str());
  ours_.reset();
  held_.reset();
}

void OutputFile::release_space() {
  if (ours_) (void)!::truncate(partial_.c_str(), 0);
  comm_.barrier();
}

void OutputFile::bring_to_disk() const {
  if (const OpenFile file(partial_, O_RDWR); !file.is_open() || !file.sync())
    refuse(path_, std::strerror(errno), "free some space or write to another disk");
}

void OutputFile::give_name() {
  if (identity_at(partial_) != ours_)
    refuse(path_, cat(partial_, " was exchanged while it was written"),
           "write where no other program does");
  const int error = existing_ != Existing::replace ? rename_to_free_name(partial_, path_)
                    : std::rename(partial_.c_str(), path_.c_str()) == 0 ? 0
                                                                        : errno;
  if (error == EEXIST) stand_beside();
  if (error != 0) refuse(path_, std::strerror(error), "choose a place where you may write");
  ours_.reset();
  held_.reset();
  const OpenFile folder(folder_of(path_) + "/.", O_RDONLY);  // the name too survives a power cut
  if (folder.is_open()) (void)folder.sync();
}

// Under the first free name of run.1.h5, run.2.h5, ...
void OutputFile::stand_beside() {
  const auto stem = without_h5(path_), ending = path_.substr(stem.size());
  for (int k = 1;; ++k) {
    const auto beside = cat(stem, ".", k, ending);
    const int error = rename_to_free_name(partial_, beside);
    if (error == EEXIST) continue;
    if (error != 0) refuse(path_, std::strerror(error), "choose a place where you may write");
    ours_.reset();
    held_.reset();
    refuse(path_, "a file appeared there since the start; it is not replaced",
           cat("what was to be written is whole and stands in ", beside));
  }
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
