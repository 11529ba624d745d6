#pragma once
// HDF5, owned: every id in a Handle, every call checked (h5_handle.hpp). A file is written with a
// communicator (collective, MPI-IO) or without (this process alone), and read by each process
// alone. Datasets are 1-D or 2-D, row-major, and each rank writes or reads one block of rows.
// What is read is input: InputError, with the path inside the file, unless its class, rank and
// bounds are those that the reader names (h5_stored.hpp).
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/h5_handle.hpp"
#include "core/h5_stored.hpp"
#include "core/matrix.hpp"

namespace fedfuse::h5 {

// checked: HDF5 keeps checksums of its own structures (the format of 1.10), so that it notices when
// they are damaged.
enum class Structures { compatible, checked };

// An extent of a dataset that may be any.
inline constexpr std::int64_t any = -1;
using Dims = std::vector<std::int64_t>;

class File {
 public:
  // truncates
  static File create(const std::string& path, const Comm* comm = nullptr,
                     Structures structures = Structures::compatible);
  // Read-only. InputError when it is not HDF5, is locked by another program, or cannot be read.
  static File open(const std::string& path);
  // ... on every rank, each alone; what one of them cannot open, all refuse. Collective.
  static File open(const std::string& path, const Comm& comm);
  // throws if HDF5 could not write all; to the disk: data/output_file.hpp
  void close();

  void group(const std::string& path);  // creates it and its parents
  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;
  [[nodiscard]] Dims shape(const std::string& dataset) const;  // of any rank; a scalar has none

  // Collective: rows [first, first + block/cols) of a dataset of total_rows x cols (cols = 0: 1-D).
  template <class T>
  void write_rows(const std::string& dataset, std::int64_t total_rows, std::int64_t cols,
                  std::int64_t first_row, std::span<const T> block) {
    write(dataset, type_of<T>(), total_rows, cols, first_row, std::int64_t(block.size()),
          block.data());
  }
  // The whole dataset, the same on every rank; rank 0 writes it.
  template <class T>
  void write_all(const std::string& dataset, std::int64_t cols, std::span<const T> values) {
    const std::int64_t rows =
        cols == 0 ? std::int64_t(values.size()) : std::int64_t(values.size()) / cols;
    write_rows<T>(dataset, rows, cols, 0, root_ ? values : values.first(0));
  }
  // Rows [first, first + count) of a dataset with `wanted` dimensions ({}: any), as T. InputError
  // when the stored numbers are of another class (whole, floating-point), or out of T's range.
  template <class T>
  [[nodiscard]] Array<T> read_rows(const std::string& dataset, std::int64_t first_row,
                                   std::int64_t count, const Dims& wanted = {}) const {
    const auto source = stored(dataset, kind_of<T>, wanted);
    require_rows(source, dataset, first_row, count);
    Array<T> values(std::size_t(count * source.width()));
    read(source, dataset, type_of<T>(), first_row, count, values.data());
    return values;
  }
  // ... as they are stored, of either class.
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& dataset,
                                                  std::int64_t first_row, std::int64_t count) const;
  // All rows; a scalar is one value.
  template <class T>
  [[nodiscard]] Array<T> read_all(const std::string& dataset, const Dims& wanted = {}) const {
    const auto source = stored(dataset, kind_of<T>, wanted);
    Array<T> values(static_cast<std::size_t>(source.count));
    read(source, dataset, type_of<T>(), 0, source.dims.empty() ? 1 : source.dims[0], values.data());
    return values;
  }
  template <class T>
  [[nodiscard]] Matrix<T> read_matrix(const std::string& dataset,
                                      const Dims& wanted = {any, any}) const {
    const auto dims = shape(dataset);
    Matrix<T> m;
    m.values = read_all<T>(dataset, wanted);
    m.rows = dims.at(0);
    m.cols = dims.at(1);
    return m;
  }
  // same on every rank
  void write_strings(const std::string& dataset, const std::vector<std::string>& values);
  [[nodiscard]] std::vector<std::string> read_strings(const std::string& dataset) const;

  // Attributes of a group or dataset ("/" for the root): scalars. Collective where they are set.
  // Texts have a fixed length (h5_stored.hpp): h5py shows numpy.bytes_.
  void set(const std::string& object, const std::string& name, const std::string& value);
  void set(const std::string& object, const std::string& name, std::int64_t value);
  void set(const std::string& object, const std::string& name, double value);
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::string text(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::int64_t integer(const std::string& object, const std::string& name) const;
  [[nodiscard]] double number(const std::string& object, const std::string& name) const;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }  // of a file that is read

 private:
  File(Handle file, std::string path, bool parallel, bool root)
      : file_(std::move(file)), path_(std::move(path)), parallel_(parallel), root_(root) {}
  void write(const std::string& dataset, hid_t type, std::int64_t total_rows, std::int64_t cols,
             std::int64_t first_row, std::int64_t count, const void* data);
  [[nodiscard]] StoredDataset stored(const std::string& dataset, Kind kind,
                                     const Dims& wanted) const;
  void require_rows(const StoredDataset& source, const std::string& dataset, std::int64_t first_row,
                    std::int64_t count) const;
  void read(const StoredDataset& source, const std::string& dataset, hid_t type,
            std::int64_t first_row, std::int64_t count, void* data) const;
  void set_scalar(const std::string& object, const std::string& name, hid_t type,
                  const void* value);
  void require_attribute(const std::string& object, const std::string& name) const;
  Handle file_;
  std::string path_;
  bool parallel_ = false, root_ = true;
  std::int64_t bytes_ = 0;
};

}  // namespace fedfuse::h5
