#include "core/h5.hpp"

#include <algorithm>
#include <filesystem>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

// HDF5's own error stack is noise beside our messages.
void quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Handle access_list(const Comm* comm) {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "create an access list");
  if (comm != nullptr) ok(H5Pset_fapl_mpio(list.id(), comm->raw(), MPI_INFO_NULL), "use MPI-IO");
  return list;
}

}  // namespace

File File::create(const std::string& path, const Comm* comm, Structures structures) {
  quiet();
  const auto access = access_list(comm);
  if (structures == Structures::checked)
    ok(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V110, H5F_LIBVER_V110),
       "use the format of 1.10");
  Handle id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose,
            cat("create ", path));
  return {std::move(id), path, comm != nullptr, comm == nullptr || comm->root()};
}

File File::open(const std::string& path, const Comm* comm) {
  quiet();
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error))
    throw InputError(cat("cannot read ", path), "there is no such file", "check the path");
  if (fs::is_directory(path, error))
    throw InputError(cat("cannot read ", path), "it is a folder", "name a file in it");
  const auto access = access_list(comm);
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id());
  if (id < 0)
    throw InputError(cat("cannot read ", path),
                     "it is not an HDF5 file, or it is truncated or unreadable",
                     "make it with `fedfuse generate`, `fedfuse import` or `fedfuse train`");
  return {Handle(id, H5Fclose, "open"), path, comm != nullptr, comm == nullptr || comm->root()};
}

// Without H5Fflush, which over MPI waits for the disk on every rank: OutputFile's commit does that,
// once a node.
void File::close() { file_.close(cat("close ", path_)); }

void File::group(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const auto part = path.substr(0, at);
    if (!has(part))
      Handle(H5Gcreate2(file_.id(), part.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
             cat("create group ", part));
  }
}

bool File::has(const std::string& path) const {
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const auto part = path.substr(0, at);
    if (part != "/" && H5Lexists(file_.id(), part.c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

std::vector<std::string> File::children(const std::string& group) const {
  const auto object = open_object(file_, group);
  H5G_info_t info;
  ok(H5Gget_info(object.id(), &info), cat("list ", group));
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256];
    H5Lget_name_by_idx(object.id(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                       H5P_DEFAULT);
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::int64_t> File::shape(const std::string& dataset) const {
  if (!has(dataset))
    throw InputError(cat(path_, " has no dataset ", dataset),
                     "it is not a file of this kind, or of another version",
                     "make it again with this fedfuse");
  const auto object = open_dataset(file_, dataset);
  const Handle space(H5Dget_space(object.id()), H5Sclose, "get a dataspace");
  hsize_t dims[8];
  const int rank = H5Sget_simple_extent_dims(space.id(), dims, nullptr);
  return {dims, dims + std::max(rank, 0)};
}

}  // namespace fedfuse::h5
