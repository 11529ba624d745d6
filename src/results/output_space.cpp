#include "results/output_space.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/comm.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/output_file.hpp"

namespace fedfuse {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  const bool space = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw InputError(
      cat("cannot write ", path), std::strerror(error),
      space ? "free some space, or write to another disk" : "check the path and its permissions");
}

class Descriptor {
 public:
  Descriptor(const std::string& partial, const std::string& path)
      : id_(::open(partial.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC)), path_(path) {
    if (id_ < 0) fail(path, errno);
  }
  ~Descriptor() { ::close(id_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void allocate(std::int64_t bytes) const {
    if (::fallocate(id_, 0, 0, bytes) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
      fail(path_, errno);
    if (::ftruncate(id_, 0) != 0) fail(path_, errno);
  }
  void write(const std::string& text) const {
    for (std::size_t at = 0; at < text.size();) {
      const auto written = ::write(id_, text.data() + at, text.size() - at);
      if (written < 0 && errno != EINTR) fail(path_, errno);
      if (written > 0) at += std::size_t(written);
    }
  }

 private:
  int id_;
  const std::string& path_;
};

}  // namespace

std::string twin_path(const std::string& path) { return without_h5(path) + ".json"; }

void reserve_space(const std::string& partial, const std::string& path, std::int64_t bytes) {
  Descriptor(partial, path).allocate(bytes);
}

void hold_space(const std::string& partial, std::int64_t bytes) {
  const int id = ::open(partial.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (id < 0) return;
  // the space was just asked for: if it is gone, the writing will say so
  (void)::fallocate(id, FALLOC_FL_KEEP_SIZE, 0, bytes);
  ::close(id);
}

void write_text_file(const std::string& path, const std::string& text, Existing existing) {
  const auto alone = Comm::self();
  OutputFile file(path, existing, std::int64_t(text.size()), alone);
  Descriptor(file.partial(), path).write(text);
  file.commit();
}

void check_output(const std::string& path, bool overwrite) {
  constexpr std::int64_t little = 65536;
  const auto alone = Comm::self();
  // really made, and removed at once
  const auto existing = overwrite ? Existing::replace : Existing::refuse;
  const OutputFile probe(path, existing, little, alone);
  reserve_space(probe.partial(), path, little);
}

void check_result_path(const std::string& path) {
  if (path.empty())
    throw InputError("no result file is named", "--out is missing", "give --out FILE.h5");
  if (path.ends_with(".json"))
    throw InputError(cat("--out ", path), "the result is HDF5; only its twin is JSON",
                     "end the name in .h5");
}

void check_writable(const std::string& path, bool overwrite, const Comm& comm) {
  const auto twin = twin_path(path);
  comm.on_root([&] {
    check_result_path(path);
    check_output(path, overwrite);
    check_output(twin, overwrite);
  });
}

}  // namespace fedfuse
