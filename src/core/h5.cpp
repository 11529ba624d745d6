#include "core/h5.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

void ok(herr_t status, const std::string& what) {
  if (status < 0) throw InternalError(cat("HDF5 could not ", what));
}

// HDF5's own error stack is noise beside our messages.
void quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

Handle access_list(const Comm* comm) {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "create an access list");
  if (comm != nullptr) ok(H5Pset_fapl_mpio(list.id(), comm->raw(), MPI_INFO_NULL), "use MPI-IO");
  return list;
}

Handle open_object(const Handle& file, const std::string& path) {
  return {H5Oopen(file.id(), path.c_str(), H5P_DEFAULT), H5Oclose, cat("open ", path)};
}

Handle open_dataset(const Handle& file, const std::string& path) {
  return {H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), H5Dclose, cat("open dataset ", path)};
}

Handle string_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy the string type");
  ok(H5Tset_size(type.id(), H5T_VARIABLE), "set a variable length");
  ok(H5Tset_cset(type.id(), H5T_CSET_UTF8), "set UTF-8");
  return type;
}

}  // namespace

Handle::Handle(hid_t id, Closer closer, const std::string& what) : id_(id), close_(closer) {
  if (id < 0) throw InternalError(cat("HDF5 could not ", what));
}
Handle::~Handle() {
  if (id_ >= 0) close_(id_);
}
void Handle::close(const std::string& what) {
  if (id_ >= 0) ok(close_(std::exchange(id_, -1)), what);
}
Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

template <>
hid_t type_of<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t type_of<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
hid_t type_of<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
hid_t type_of<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t type_of<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
hid_t type_of<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}

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

void File::write(const std::string& dataset, hid_t type, std::int64_t total_rows, std::int64_t cols,
                 std::int64_t first_row, std::int64_t count, const void* data) {
  const auto slash = dataset.rfind('/');
  if (slash != std::string::npos && slash > 0) group(dataset.substr(0, slash));
  const int rank = cols == 0 ? 1 : 2;
  const hsize_t width = hsize_t(std::max<std::int64_t>(cols, 1));
  const hsize_t dims[2] = {hsize_t(total_rows), width}, start[2] = {hsize_t(first_row), 0},
                block[2] = {hsize_t(count) / width, width};
  const Handle space(H5Screate_simple(rank, dims, nullptr), H5Sclose, "make a dataspace");
  const Handle object(H5Dcreate2(file_.id(), dataset.c_str(), type, space.id(), H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT),
                      H5Dclose, cat("create dataset ", dataset));
  if (total_rows == 0) return;  // HDF5 refuses to write nothing to a dataset of the checked format
  const Handle memory(H5Screate_simple(rank, block, nullptr), H5Sclose, "make a dataspace");
  if (count > 0) {
    ok(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start, nullptr, block, nullptr),
       "select rows");
  } else {
    ok(H5Sselect_none(space.id()), "select nothing");
    ok(H5Sselect_none(memory.id()), "select nothing");
  }
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, "make a transfer list");
  if (parallel_) ok(H5Pset_dxpl_mpio(transfer.id(), H5FD_MPIO_COLLECTIVE), "write collectively");
  const char nothing = 0;  // some HDF5 versions refuse a null buffer for an empty selection
  ok(H5Dwrite(object.id(), type, memory.id(), space.id(), transfer.id(),
              data != nullptr ? data : &nothing),
     cat("write ", dataset, " to ", path_, " (is the disk full?)"));
}

void File::read(const std::string& dataset, hid_t type, std::int64_t first_row, std::int64_t count,
                void* data) const {
  const auto object = open_dataset(file_, dataset);
  const Handle space(H5Dget_space(object.id()), H5Sclose, "get a dataspace");
  hsize_t dims[2] = {1, 1};
  const int rank = H5Sget_simple_extent_dims(space.id(), dims, nullptr);
  FEDFUSE_CHECK(rank <= 2, cat(dataset, " has ", rank, " dimensions"));
  if (count == 0) return;
  const hsize_t start[2] = {hsize_t(first_row), 0}, block[2] = {hsize_t(count), dims[1]};
  const Handle memory(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, block, nullptr),
                      H5Sclose, "make a dataspace");
  if (rank > 0)
    ok(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start, nullptr, block, nullptr),
       "select rows");
  ok(H5Dread(object.id(), type, memory.id(), space.id(), H5P_DEFAULT, data),
     cat("read ", dataset, " of ", path_));
}

std::vector<std::byte> File::read_bytes(const std::string& dataset, std::int64_t first_row,
                                        std::int64_t count) const {
  const auto dims = shape(dataset);
  const auto object = open_dataset(file_, dataset);
  const Handle type(H5Dget_type(object.id()), H5Tclose, "get a type");
  std::vector<std::byte> bytes(std::size_t(count * (dims.size() > 1 ? dims[1] : 1)) *
                               H5Tget_size(type.id()));
  read(dataset, type.id(), first_row, count, bytes.data());
  return bytes;
}

void File::write_strings(const std::string& dataset, const std::vector<std::string>& values) {
  // Fixed length: parallel HDF5 cannot write variable-length data.
  std::size_t width = 1;
  for (const auto& v : values) width = std::max(width, v.size());
  std::vector<char> flat(values.size() * width, 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    std::memcpy(flat.data() + i * width, values[i].data(), values[i].size());
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy the string type");
  ok(H5Tset_size(type.id(), width), "set a string length");
  ok(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "set string padding");
  ok(H5Tset_cset(type.id(), H5T_CSET_UTF8), "set UTF-8");
  write(dataset, type.id(), std::int64_t(values.size()), 0, 0,
        root_ ? std::int64_t(values.size()) : 0, flat.data());
}

std::vector<std::string> File::read_strings(const std::string& dataset) const {
  const auto dims = shape(dataset);
  const auto object = open_dataset(file_, dataset);
  const Handle type(H5Dget_type(object.id()), H5Tclose, "get a type");
  const std::size_t width = H5Tget_size(type.id());
  std::vector<char> flat(std::size_t(dims.at(0)) * width);
  ok(H5Dread(object.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flat.data()),
     cat("read ", dataset));
  std::vector<std::string> values;
  for (std::int64_t i = 0; i < dims[0]; ++i) {
    const char* at = flat.data() + std::size_t(i) * width;
    values.emplace_back(at, strnlen(at, width));
  }
  return values;
}

void File::set_scalar(const std::string& object, const std::string& name, hid_t type,
                      const void* value) {
  const auto target = open_object(file_, object);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace");
  const Handle attribute(
      H5Acreate2(target.id(), name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      cat("create attribute ", name));
  ok(H5Awrite(attribute.id(), type, value), cat("write attribute ", name));
}
void File::set(const std::string& object, const std::string& name, const std::string& value) {
  if (value.size() < 60000) {  // variable length: h5py shows a plain str
    const char* text = value.c_str();
    set_scalar(object, name, string_type().id(), static_cast<const void*>(&text));
    return;
  }
  throw InternalError(
      cat("attribute ", name, " is too long for HDF5's 64 KiB: ", value.size(), " bytes"));
}
void File::set(const std::string& object, const std::string& name, std::int64_t value) {
  set_scalar(object, name, H5T_NATIVE_INT64, &value);
}
void File::set(const std::string& object, const std::string& name, double value) {
  set_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  if (!has(object)) return false;
  return H5Aexists_by_name(file_.id(), object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}
void File::get_scalar(const std::string& object, const std::string& name, hid_t type,
                      void* value) const {
  if (!has_attribute(object, name))
    throw InputError(cat(path_, " lacks the attribute ", name),
                     "it is not a file of this kind, or of another version",
                     "make it again with this fedfuse");
  const Handle attribute(
      H5Aopen_by_name(file_.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      cat("open attribute ", name));
  ok(H5Aread(attribute.id(), type, value), cat("read attribute ", name));
}
std::string File::text(const std::string& object, const std::string& name) const {
  char* value = nullptr;
  get_scalar(object, name, string_type().id(), static_cast<void*>(&value));
  std::string copy = value != nullptr ? value : "";
  H5free_memory(value);
  return copy;
}
std::int64_t File::integer(const std::string& object, const std::string& name) const {
  std::int64_t value = 0;
  get_scalar(object, name, H5T_NATIVE_INT64, &value);
  return value;
}
double File::number(const std::string& object, const std::string& name) const {
  double value = 0;
  get_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
  return value;
}

}  // namespace fedfuse::h5
