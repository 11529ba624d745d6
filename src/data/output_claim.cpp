#include "data/output_claim.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

#include "core/environment.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/output_file.hpp"

namespace fedfuse {
namespace {

// The process that holds a lock, as one line: host, process, SLURM job, which start of that job.
struct Owner {
  std::string host, process, job, start;
  [[nodiscard]] std::string text() const {
    return cat(host, " ", process, " ", job, " ", start, "\n");
  }
};

Owner this_process() {
  const std::string job(environment_variable("SLURM_JOB_ID")),
      start(environment_variable("SLURM_RESTART_COUNT"));
  return {host_name(), cat(::getpid()), job.empty() ? "-" : job, start.empty() ? "0" : start};
}

Owner owner_in(int fd) {
  char text[512] = {};
  const auto bytes = ::pread(fd, text, sizeof text - 1, 0);
  std::istringstream words(std::string(text, bytes > 0 ? std::size_t(bytes) : 0));
  Owner owner;
  words >> owner.host >> owner.process >> owner.job >> owner.start;
  return owner;
}

bool is_gone(const Owner& owner) {
  const auto me = this_process();
  if (owner.job == me.job && me.job != "-" && owner.start != me.start) return true;
  if (owner.host != me.host) return false;
  pid_t process = 0;
  const auto& digits = owner.process;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), process);
  return read.ec == std::errc() && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH;
}

[[noreturn]] void refuse_held(const std::string& path, const std::string& lock,
                              const Owner& owner) {
  const auto who = owner.process.empty()
                       ? std::string()
                       : cat(" (process ", owner.process, " on ", owner.host, ")");
  throw InputError(
      cat("cannot write ", path),
      cat("another run writes it, or an earlier one was killed", who, ": ", lock, " is locked"),
      cat("choose another path, or wait for that run; remove ", lock,
          " only when no run writes this path"));
}

std::optional<FileIdentity> identity(int failed, const struct stat& status) {
  if (failed != 0) return std::nullopt;
  return FileIdentity(status.st_dev, status.st_ino);
}

bool no_locks_here(int error) {
  return error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK || error == EINVAL;
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status{};
  return identity(::stat(path.c_str(), &status), status);
}
std::optional<FileIdentity> identity_at(const std::string& path) {
  struct stat status{};
  return identity(::lstat(path.c_str(), &status), status);
}

void check_outputs_differ(const std::vector<NamedPath>& outputs,
                          const std::vector<NamedPath>& inputs) {
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const auto& [name, path] = outputs[k];
    for (const char* ending : {"", partial_ending, lock_ending}) {
      const auto place = path + ending;
      const auto here = identity_of(place);
      if (path.empty() || !here) continue;
      const auto refuse_same = [&](const NamedPath& other, const char* role) {
        if (other.path.empty() || identity_of(other.path) != here) return;
        throw InputError(cat("cannot write ", place, " (", name, ")"),
                         cat("it is the same file as ", other.path, " (", other.name, "), ", role),
                         "give another path; --overwrite replaces no file of the same command");
      };
      for (const auto& input : inputs) refuse_same(input, "which this command reads");
      for (std::size_t other = 0; other < k; ++other)
        refuse_same(outputs[other], "which this command writes too");
    }
  }
}

OutputClaim::OutputClaim(std::string path) : path_(std::move(path)), lock_(path_ + lock_ending) {
  constexpr int tries = 100;  // each lost to a run that began or ended in the same moment
  for (int k = 0; k < tries; ++k)
    if (make() || take_over()) return;
  refuse_held(path_, lock_, {});
}

OutputClaim::~OutputClaim() {
  if (fd_ < 0) return;
  ::unlink(lock_.c_str());  // while it is locked: nobody can take over a name that is gone
  ::close(fd_);
}

bool OutputClaim::make() {
  fd_ = ::open(lock_.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    if (errno == EEXIST) return false;
    throw InputError(cat("cannot write ", path_), std::strerror(errno),
                     "choose a place where you may write");
  }
  struct stat status{};
  const bool held = ::flock(fd_, LOCK_EX | LOCK_NB) == 0 || no_locks_here(errno);
  // somebody may have taken it over between the two calls
  if (!held || ::fstat(fd_, &status) != 0 ||
      identity_at(lock_) != FileIdentity(status.st_dev, status.st_ino)) {
    ::close(std::exchange(fd_, -1));
    return false;
  }
  const auto text = this_process().text();
  (void)!::write(fd_, text.data(),
                 text.size());  // for messages, and for file systems without locks
  return true;
}

// Removes the lock of a run that is gone.
bool OutputClaim::take_over() {
  const int fd = ::open(lock_.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return false;
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (fd >= 0) ::close(fd);
    throw InputError(cat("cannot write ", path_),
                     cat(lock_, " is in the way: it is not a plain file that you may write"),
                     cat("remove ", lock_, ", or choose another path"));
  }
  const auto owner = owner_in(fd);
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  const bool free = locked || (no_locks_here(errno) && is_gone(owner));
  // not the one that another run has put there since
  if (free && identity_at(lock_) == FileIdentity(status.st_dev, status.st_ino))
    ::unlink(lock_.c_str());
  ::close(fd);
  if (!free) refuse_held(path_, lock_, owner);
  return false;
}

OutputClaims::OutputClaims(const std::vector<NamedPath>& outputs,
                           const std::vector<NamedPath>& inputs, bool overwrite, const Comm& comm) {
  comm.on_root([&] {
    check_outputs_differ(outputs, inputs);
    for (const auto& output : outputs) {
      if (output.path.empty()) continue;
      check_place(output.path, overwrite);
      claims_.push_back(std::make_unique<OutputClaim>(output.path));
    }
  });
}

}  // namespace fedfuse
