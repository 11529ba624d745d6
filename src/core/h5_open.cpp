// Files of HDF5, made and opened; what is said of a file that cannot be opened.
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

// HDF5's own error stack is noise beside our messages.
void quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

[[noreturn]] void refuse_lock(const std::string& path, const std::string& stack) {
  constexpr std::string_view mark = "errno = ";
  int error = EAGAIN;
  if (const auto at = stack.find(mark); at != std::string::npos)
    std::from_chars(stack.data() + at + mark.size(), stack.data() + stack.size(), error);
  if (error == EAGAIN || error == EACCES)
    throw InputError(cat("cannot read ", path),
                     "it is locked: another program holds it open for writing (a notebook with "
                     "h5py, HDFView, a run)",
                     "close it there; or set HDF5_USE_FILE_LOCKING=FALSE to read it as it stands");
  throw InputError(cat("cannot read ", path),
                   cat("its file system gives no lock: ", std::strerror(error)),
                   "set HDF5_USE_FILE_LOCKING=FALSE: fedfuse only reads it");
}

[[noreturn]] void refuse_to_open(const std::string& path, const std::vector<std::string>& errors) {
  std::string stack;
  for (const auto& error : errors) stack += error + "\n";
  if (says(stack, "lock file")) refuse_lock(path, stack);
  if (says(stack, "already open for"))
    throw InputError(cat("cannot read ", path),
                     "it is marked as open for writing: a program writes it still, or ended before "
                     "it closed it",
                     cat("close it there, or remove the mark with h5clear -s ", path));
  const char* make = "make it with `fedfuse generate`, `fedfuse import` or `fedfuse train`";
  throw InputError(cat("cannot read ", path),
                   cat("it is not an HDF5 file, or it is truncated or damaged",
                       errors.empty() ? "" : cat(" (HDF5: ", errors.front(), ")")),
                   make);
}

std::int64_t checked_size(const std::string& path) {
  const InputFile file(path);
  if (file.is_pipe())
    throw InputError(cat("cannot read ", path), "it is a pipe, and HDF5 reads files only",
                     "write it to a file first");
  if (file.bytes() == 0)
    throw InputError(cat("cannot read ", path), "it is empty, so it is not an HDF5 file",
                     "check how it was made");
  return file.bytes();
}

}  // namespace

File File::create(const std::string& path, const Comm* comm, Structures structures) {
  quiet();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "create an access list");
  if (comm != nullptr) ok(H5Pset_fapl_mpio(access.id(), comm->raw(), MPI_INFO_NULL), "use MPI-IO");
  if (structures == Structures::checked)
    ok(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110),
       "use the format of 1.10");
  Handle id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose,
            cat("create ", path));
  return {std::move(id), path, comm != nullptr, comm == nullptr || comm->root()};
}

File File::open(const std::string& path) {
  quiet();
  const auto bytes = checked_size(path);
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (id < 0) refuse_to_open(path, last_errors());
  File file(Handle(id, H5Fclose, "open"), path, false, true);
  file.bytes_ = bytes;
  return file;
}

File File::open(const std::string& path, const Comm& comm) {
  std::optional<File> file;
  comm.together([&] { file.emplace(open(path)); });
  return std::move(*file);
}

// Without H5Fflush, which over MPI waits for the disk on every rank: OutputFile's commit does that,
// once a node.
void File::close() { file_.close(cat("close ", path_)); }

}  // namespace fedfuse::h5
