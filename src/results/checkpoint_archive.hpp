#pragma once
// The three readers of a list of state (clients/state_visitor.hpp): how many bytes it is, into a
// file, out of a file. Everything stands under /state; client arrays in the order of the ids, so
// that any number of ranks reads what any other wrote.
#include <map>
#include <string>

#include "clients/state_visitor.hpp"
#include "core/crc32.hpp"
#include "core/h5.hpp"
#include "data/dataset.hpp"
#include "results/client_order.hpp"
#include "results/result_file.hpp"

namespace fedfuse {

// by the path of the dataset; of its bytes in the file's order
using Checksums = std::map<std::string, Crc32>;

class ArchiveSize final : public StateVisitor {
 public:
  explicit ArchiveSize(const Comm& comm) : comm_(comm) {}
  [[nodiscard]] std::int64_t bytes() const;  // of the file, its structures included. Collective.

  void shared(const std::string&, std::span<float> values) override {
    add_shared(values.size_bytes());
  }
  void shared(const std::string&, std::span<double> values) override {
    add_shared(values.size_bytes());
  }
  void shared(const std::string&, std::span<std::int64_t> values) override {
    add_shared(values.size_bytes());
  }
  void matrix(const std::string&, Matrix<float>& values) override {
    add_shared(values.span().size_bytes());
  }
  void matrix(const std::string&, Matrix<double>& values) override {
    add_shared(values.span().size_bytes());
  }
  void text(const std::string&, std::string& value) override { add_shared(value.size()); }
  void rows(const std::string&, const RowSplit&, std::int64_t, std::span<float> values) override {
    add_mine(values.size_bytes());
  }
  void clients(const std::string&, std::int64_t, std::span<float> values) override {
    add_mine(values.size_bytes());
  }
  void clients(const std::string&, std::int64_t, std::span<std::int32_t> values) override {
    add_mine(values.size_bytes());
  }
  void overlay(const std::string&, OverlayStore& rows) override;

 private:
  void add_shared(std::size_t bytes) {
    shared_ += std::int64_t(bytes);
    ++datasets_;
  }
  void add_mine(std::size_t bytes) {
    mine_ += std::int64_t(bytes);
    ++datasets_;
  }
  const Comm& comm_;
  std::int64_t shared_ = 0, mine_ = 0, datasets_ = 0;
};

// Every verb is collective.
class ArchiveWriter final : public StateVisitor {
 public:
  ArchiveWriter(ResultSink& sink, const Dataset& data);
  // of what was written; the same on every rank
  [[nodiscard]] const Checksums& checksums() const { return checksums_; }

  void shared(const std::string& name, std::span<float> values) override {
    write_shared<float>(name, 0, values);
  }
  void shared(const std::string& name, std::span<double> values) override {
    write_shared<double>(name, 0, values);
  }
  void shared(const std::string& name, std::span<std::int64_t> values) override {
    write_shared<std::int64_t>(name, 0, values);
  }
  void matrix(const std::string& name, Matrix<float>& values) override {
    write_shared<float>(name, values.cols, values.span());
  }
  void matrix(const std::string& name, Matrix<double>& values) override {
    write_shared<double>(name, values.cols, values.span());
  }
  void text(const std::string& name, std::string& value) override;
  void rows(const std::string& name, const RowSplit& split, std::int64_t cols,
            std::span<float> values) override;
  void clients(const std::string& name, std::int64_t width, std::span<float> values) override {
    write_clients<float>(name, width, values);
  }
  void clients(const std::string& name, std::int64_t width,
               std::span<std::int32_t> values) override {
    write_clients<std::int32_t>(name, width, values);
  }
  void overlay(const std::string& name, OverlayStore& rows) override;

 private:
  template <class T>
  void write_shared(const std::string& name, std::int64_t cols, std::span<const T> values);
  template <class T>
  void write_clients(const std::string& name, std::int64_t width, std::span<const T> values);
  template <class T>
  void write_block(const std::string& path, std::int64_t total, std::int64_t cols,
                   std::int64_t first, std::span<const T> block);
  ResultSink& sink_;
  std::int64_t all_clients_;
  ClientOrder order_;
  Checksums checksums_;
};

// Collective. Reads what was verified before; InputError when the file does not have what the list
// names, or in another shape.
class ArchiveReader final : public StateVisitor {
 public:
  ArchiveReader(const std::string& path, const Dataset& data, const Comm& comm);
  [[nodiscard]] bool loads() const override { return true; }
  [[nodiscard]] bool has(const std::string& name) const override;

  void shared(const std::string& name, std::span<float> values) override {
    read_shared(name, values);
  }
  void shared(const std::string& name, std::span<double> values) override {
    read_shared(name, values);
  }
  void shared(const std::string& name, std::span<std::int64_t> values) override {
    read_shared(name, values);
  }
  void matrix(const std::string& name, Matrix<float>& values) override {
    read_matrix(name, values);
  }
  void matrix(const std::string& name, Matrix<double>& values) override {
    read_matrix(name, values);
  }
  void text(const std::string& name, std::string& value) override;
  void rows(const std::string& name, const RowSplit& split, std::int64_t cols,
            std::span<float> values) override;
  void clients(const std::string& name, std::int64_t width, std::span<float> values) override {
    read_clients(name, width, values);
  }
  void clients(const std::string& name, std::int64_t width,
               std::span<std::int32_t> values) override {
    read_clients(name, width, values);
  }
  void overlay(const std::string& name, OverlayStore& rows) override;

 private:
  template <class T>
  void read_shared(const std::string& name, std::span<T> values);
  template <class T>
  void read_matrix(const std::string& name, Matrix<T>& values);
  template <class T>
  void read_clients(const std::string& name, std::int64_t width, std::span<T> values);
  template <class T>
  [[nodiscard]] Array<T> read_block(const std::string& name, std::int64_t total, std::int64_t first,
                                    std::int64_t count, std::int64_t width) const;
  const Comm& comm_;
  h5::File file_;
  std::int64_t all_clients_, all_items_;
  ClientOrder order_;
};

}  // namespace fedfuse
