// Datasets: blocks of rows, bytes as they are stored, strings.
#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {

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

}  // namespace fedfuse::h5
