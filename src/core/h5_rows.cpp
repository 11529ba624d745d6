// Datasets: blocks of rows, bytes as they are stored, strings.
#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

std::string text_of(const Dims& dims) {
  if (dims.empty()) return "a scalar";
  std::string text;
  for (const auto n : dims)
    text += (text.empty() ? "" : " x ") + (n == any ? std::string("any") : std::to_string(n));
  return text + (dims.size() == 1 ? " values" : "");
}

std::string name_of(hid_t type) {
  const bool real = H5Tget_class(type) == H5T_FLOAT;
  const bool without_sign = !real && H5Tget_sign(type) == H5T_SGN_NONE;
  return cat(real ? "float" : without_sign ? "uint" : "int", 8 * H5Tget_size(type));
}

}  // namespace

void File::write(const std::string& dataset, hid_t type, std::int64_t total_rows, std::int64_t cols,
                 std::int64_t first_row, std::int64_t count, const void* data) {
  const auto slash = dataset.rfind('/');
  if (slash != std::string::npos && slash > 0) group(dataset.substr(0, slash));
  const int rank = cols == 0 ? 1 : 2;
  const hsize_t width = hsize_t(std::max<std::int64_t>(cols, 1));
  const hsize_t dims[2] = {hsize_t(total_rows), width}, start[2] = {hsize_t(first_row), 0},
                block[2] = {hsize_t(count) / width, width};
  const Handle space(H5Screate_simple(rank, dims, nullptr), H5Sclose, "make a dataspace");
  // without the second of its making: the same content is the same bytes
  const Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make a creation list");
  ok(H5Pset_obj_track_times(list.id(), false), "keep no times");
  const Handle object(H5Dcreate2(file_.id(), dataset.c_str(), type, space.id(), H5P_DEFAULT,
                                 list.id(), H5P_DEFAULT),
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
  // Every rank by itself: in a collective write of HDF5 1.14 and Open MPI 5, the ranks whose write
  // succeeds would wait in MPI_File_set_view for one whose write has failed.
  if (parallel_) ok(H5Pset_dxpl_mpio(transfer.id(), H5FD_MPIO_INDEPENDENT), "write one by one");
  const char nothing = 0;  // some HDF5 versions refuse a null buffer for an empty selection
  ok(H5Dwrite(object.id(), type, memory.id(), space.id(), transfer.id(),
              data != nullptr ? data : &nothing),
     cat("write ", dataset, " to ", path_, " (is the disk full?)"));
}

StoredDataset File::stored(const std::string& dataset, Kind kind, const Dims& wanted) const {
  const Place place{path_, dataset};
  auto source = open_stored(file_, place, bytes_);
  require_kind(source.type.id(), kind, place);
  if (source.dims.size() > 2) place.refuse(cat("it has ", source.dims.size(), " dimensions"));
  bool same = wanted.empty() || source.dims.size() == wanted.size();
  for (std::size_t k = 0; same && k < wanted.size(); ++k)
    same = wanted[k] == any || wanted[k] == source.dims[k];
  if (!same) place.refuse(cat("it is ", text_of(source.dims), ", not ", text_of(wanted)));
  return source;
}

void File::read(const StoredDataset& source, const std::string& dataset, hid_t type,
                std::int64_t first_row, std::int64_t count, void* data) const {
  if (count == 0) return;
  const Place place{path_, dataset};
  const auto rank = int(source.dims.size());
  const hsize_t width = rank > 1 ? hsize_t(source.dims[1]) : 1;
  const hsize_t start[2] = {hsize_t(first_row), 0}, block[2] = {hsize_t(count), width};
  const hid_t space_id = H5Dget_space(source.dataset.id());
  place.require(space_id >= 0, "read its shape");
  const Handle space(space_id, H5Sclose, "get a dataspace");
  const Handle memory(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, block, nullptr),
                      H5Sclose, "make a dataspace");
  if (rank > 0)
    ok(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start, nullptr, block, nullptr),
       "select rows");
  bool overflow = false;
  const auto transfer = exact_transfer(overflow);
  const bool worked =
      H5Dread(source.dataset.id(), type, memory.id(), space.id(), transfer.id(), data) >= 0;
  if (overflow) place.refuse(cat("a value is outside the range of ", name_of(type)));
  place.require(worked, "read it");
}

void File::require_rows(const StoredDataset& source, const std::string& dataset,
                        std::int64_t first_row, std::int64_t count) const {
  const auto rows = source.dims.empty() ? 1 : source.dims[0];
  if (first_row < 0 || count < 0 || first_row > rows - count)
    Place{path_, dataset}.refuse(
        cat("it has ", rows, " rows, and ", count, " from ", first_row, " on are wanted"));
}

std::vector<std::byte> File::read_bytes(const std::string& dataset, std::int64_t first_row,
                                        std::int64_t count) const {
  const Place place{path_, dataset};
  const auto source = open_stored(file_, place, bytes_);
  const auto type = source.type.id();
  require_kind(type, H5Tget_class(type) == H5T_FLOAT ? Kind::real : Kind::integer, place);
  if (source.dims.empty() || source.dims.size() > 2)
    place.refuse(cat("it has ", source.dims.size(), " dimensions"));
  require_rows(source, dataset, first_row, count);
  std::vector<std::byte> bytes(std::size_t(count * source.width()) * H5Tget_size(type));
  read(source, dataset, type, first_row, count, bytes.data());
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
  const auto source = stored(dataset, Kind::text, {any});
  const std::size_t width = H5Tget_size(source.type.id());
  std::vector<char> flat(std::size_t(source.dims[0]) * width);
  read(source, dataset, source.type.id(), 0, source.dims[0], flat.data());
  std::vector<std::string> values;
  for (std::int64_t i = 0; i < source.dims[0]; ++i) {
    const char* at = flat.data() + std::size_t(i) * width;
    values.emplace_back(at, strnlen(at, width));
  }
  return values;
}

}  // namespace fedfuse::h5
