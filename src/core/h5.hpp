#pragma once
// HDF5, owned: every id in a Handle, every call checked (h5_handle.hpp). A file is opened with a
// communicator (collective, MPI-IO) or without (this process alone). Datasets are 1-D or 2-D,
// row-major, and each rank writes or reads one block of rows.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/h5_handle.hpp"
#include "core/matrix.hpp"

namespace fedfuse::h5 {

// checked: HDF5 keeps checksums of its own structures (the format of 1.10), so that it notices when
// they are damaged.
enum class Structures { compatible, checked };

class File {
 public:
  // truncates
  static File create(const std::string& path, const Comm* comm = nullptr,
                     Structures structures = Structures::compatible);
  // read-only; InputError when not HDF5
  static File open(const std::string& path, const Comm* comm = nullptr);
  // throws if HDF5 could not write all; to the disk: data/output_file.hpp
  void close();

  void group(const std::string& path);  // creates it and its parents
  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;
  [[nodiscard]] std::vector<std::int64_t> shape(const std::string& dataset) const;

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
  // Rows [first, first + count); converted by HDF5 to T.
  template <class T>
  [[nodiscard]] Array<T> read_rows(const std::string& dataset, std::int64_t first_row,
                                   std::int64_t count) const {
    const auto dims = shape(dataset);
    Array<T> values(std::size_t(count * (dims.size() > 1 ? dims[1] : 1)));
    read(dataset, type_of<T>(), first_row, count, values.data());
    return values;
  }
  // ... as they are stored, whatever their type.
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& dataset,
                                                  std::int64_t first_row, std::int64_t count) const;
  template <class T>
  [[nodiscard]] Array<T> read_all(const std::string& dataset) const {
    const auto dims = shape(dataset);
    return read_rows<T>(dataset, 0, dims.empty() ? 1 : dims[0]);
  }
  template <class T>
  [[nodiscard]] Matrix<T> read_matrix(const std::string& dataset) const {
    const auto dims = shape(dataset);
    Matrix<T> m;
    m.rows = dims.at(0);
    m.cols = dims.at(1);
    m.values = read_all<T>(dataset);
    return m;
  }
  // same on every rank
  void write_strings(const std::string& dataset, const std::vector<std::string>& values);
  [[nodiscard]] std::vector<std::string> read_strings(const std::string& dataset) const;

  // Attributes of a group or dataset ("/" for the root); collective.
  void set(const std::string& object, const std::string& name, const std::string& value);
  void set(const std::string& object, const std::string& name, std::int64_t value);
  void set(const std::string& object, const std::string& name, double value);
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::string text(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::int64_t integer(const std::string& object, const std::string& name) const;
  [[nodiscard]] double number(const std::string& object, const std::string& name) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  File(Handle file, std::string path, bool parallel, bool root)
      : file_(std::move(file)), path_(std::move(path)), parallel_(parallel), root_(root) {}
  void write(const std::string& dataset, hid_t type, std::int64_t total_rows, std::int64_t cols,
             std::int64_t first_row, std::int64_t count, const void* data);
  void read(const std::string& dataset, hid_t type, std::int64_t first_row, std::int64_t count,
            void* data) const;
  void set_scalar(const std::string& object, const std::string& name, hid_t type,
                  const void* value);
  void get_scalar(const std::string& object, const std::string& name, hid_t type,
                  void* value) const;
  Handle file_;
  std::string path_;
  bool parallel_ = false, root_ = true;
};

}  // namespace fedfuse::h5
