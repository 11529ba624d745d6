#pragma once
// A result file or checkpoint that all ranks write.
#include <memory>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"
#include "results/client_order.hpp"
#include "results/output_space.hpp"
#include "results/record.hpp"

namespace fedfuse {

// A parallel HDF5 file in which a write that fails on one rank fails on all, as an InputError (a
// full disk is no fault of the program).
class ResultSink {
 public:
  // bytes: the size of the file. They are allocated on the disk at once, so that no other file can
  // take the space meanwhile.
  ResultSink(const std::string& partial, const std::string& path, const Comm& comm,
             std::int64_t bytes, h5::Structures structures = h5::Structures::compatible)
      : comm_(comm), path_(path) {
    step(
        [&] { file_ = std::make_unique<h5::File>(h5::File::create(partial, &comm_, structures)); });
    comm_.on_root([&] { hold_space(partial, bytes); });
  }
  ~ResultSink() {
    // see ResultFileLost
    if (lost_) static_cast<void>(file_.release());  // NOLINT(bugprone-unused-return-value)
  }
  ResultSink(const ResultSink&) = delete;
  ResultSink& operator=(const ResultSink&) = delete;

  template <class Work>
  void step(Work&& work) {
    try {
      comm_.together([&] {
        try {
          work();
        } catch (const InternalError& e) {
          throw InputError(
              cat("cannot write ", path_), e.what(),
              "free some space or check the disk; what stood there before is unchanged");
        }
      });
    } catch (const InputError& e) {
      lost_ = file_ != nullptr;
      if (lost_) throw ResultFileLost(e.what());
      throw;
    }
  }
  // Rows of this rank. cols = 0: 1-D.
  template <class T>
  void plain_rows(const std::string& name, std::int64_t total, std::int64_t cols,
                  std::int64_t first, std::span<const T> block) {
    step([&] { file_->write_rows<T>(name, total, cols, first, block); });
  }
  // Rank 0's values.
  template <class T>
  void plain_all(const std::string& name, std::int64_t cols, std::span<const T> values) {
    step([&] { file_->write_all<T>(name, cols, values); });
  }
  // Rows of this rank, with the attributes that explain them.
  template <class T>
  void rows(const std::string& name, std::int64_t total, std::int64_t cols, std::int64_t first,
            std::span<const T> block, const char* unit, const std::string& meaning) {
    plain_rows(name, total, cols, first, block);
    describe(name, unit, meaning);
  }
  // The same values on every rank.
  template <class T>
  void all(const std::string& name, std::int64_t cols, std::span<const T> values,
           const std::string& unit, const std::string& meaning) {
    plain_all(name, cols, values);
    describe(name, unit, meaning);
  }
  template <class T>
  void attribute(const std::string& object, const std::string& name, const T& value) {
    step([&] { file_->set(object, name, value); });
  }
  void group(const std::string& name) {
    step([&] { file_->group(name); });
  }
  void close() {
    step([&] { file_->close(); });
  }
  [[nodiscard]] const Comm& comm() const { return comm_; }

 private:
  void describe(const std::string& name, const std::string& unit, const std::string& meaning) {
    step([&] {
      file_->set(name, "unit", unit);
      file_->set(name, "meaning", meaning);
    });
  }
  const Comm& comm_;
  std::string path_;
  std::unique_ptr<h5::File> file_;
  bool lost_ = false;
};

}  // namespace fedfuse
