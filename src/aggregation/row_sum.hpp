#pragma once
// The two verbs of aggregation, accumulate on a rank and reduce over ranks, for rows of a table and
// for a vector. Sums are 64-bit fixed point (R7): any order of clients, threads and ranks gives the
// same bits.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aggregation/noise.hpp"
#include "core/comm.hpp"
#include "core/fixed_point.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"
#include "kernels/aggregate/aggregate.hpp"

namespace fedfuse {

// sum over updates of weight * x, for every row of a rows x cols table.
class RowSum {
 public:
  // fixed: FixedPoint::for_total_weight of all weight that may come together in one row, over all
  // ranks. kernel: adds a client's rows. counted: the weight that touched each row is summed too.
  RowSum(std::int64_t rows, int cols, FixedPoint fixed,
         aggregate::Add kernel = aggregate::production().add, bool counted = false)
      : sums_(rows, cols, fixed, counted), add_(kernel) {}

  // A client's rows at once: row ids[i] += weight * x[i], x: ids.size() x cols. Threads of an
  // OpenMP or parallel_for loop may call it at once. False, and nothing is added, when a value does
  // not fit (not a number, or |x| >= fixed.largest): the caller knows which client diverged and
  // says so.
  [[nodiscard]] bool add(std::span<const std::int32_t> ids, const float* x, std::int64_t weight) {
    return add_(sums_, {ids, x, weight});
  }
  [[nodiscard]] bool add(std::int32_t row, const float* x, std::int64_t weight) {
    return add({&row, 1}, x, weight);
  }
  // Rows [first, first + sums.size() / cols) += sums that were made elsewhere with the same fixed
  // point (a device): a row is touched when any of them is not 0. over: they are added over its
  // ranks at once (collective); null: they are those of all ranks already. Nothing is left to
  // reduce().
  void merge(std::int64_t first, std::span<const std::int64_t> sums, const Comm* over);
  // ... and, before them, the weights of rows [first, first + weight.size()): merge() adds those
  // over the ranks with their rows.
  void merge_weight(std::int64_t first, std::span<const std::int64_t> weight);
  // Collective. Afterwards every rank holds the whole sum; only rows that some rank touched travel.
  void reduce(const Comm& comm);
  // ... every rank the sum of its own rows, and all ranks know which rows were touched; weight() is
  // right in own rows. Touched rows travel to their owners only. What merge() brought is whole.
  void reduce_to_owners(const RowSplit& split, const Comm& comm);
  // Nothing is left to reduce: merge() brought the sums of all ranks.
  [[nodiscard]] bool whole() const { return whole_; }
  // After reducing, once, the same on all ranks, to the rows `of` that this rank holds. Row i draws
  // as first + i. Every row counts as touched: which rows were is what noise shall hide.
  void add_noise(const SumNoise& noise, std::uint64_t first, RowRange of);
  void add_noise(const SumNoise& noise, std::uint64_t first) {
    add_noise(noise, first, {0, rows()});
  }
  // Of a touched row: another sum in its place.
  void replace(std::int64_t row, std::span<const std::int64_t> values) {
    std::ranges::copy(values, sums_.values.row(row));
  }
  void clear();

  void decode(std::int64_t row, double* out) const;                // the sum, cols numbers
  void decode(std::int64_t row, double factor, float* out) const;  // factor * sum
  [[nodiscard]] const std::int64_t* raw(std::int64_t row) const { return sums_.values.row(row); }
  // of each row: 0 or 1
  [[nodiscard]] const std::vector<std::uint8_t>& touched() const { return sums_.touched; }
  [[nodiscard]] std::int64_t touched_rows() const;
  // of each row: the weight of the updates that touched it; empty unless counted
  [[nodiscard]] const std::vector<std::int64_t>& weight() const { return sums_.weight; }
  // that this rank gave to reductions so far
  [[nodiscard]] std::int64_t bytes_moved() const { return bytes_moved_; }
  [[nodiscard]] std::int64_t rows() const { return sums_.values.rows; }
  [[nodiscard]] int cols() const { return int(sums_.values.cols); }
  [[nodiscard]] const FixedPoint& fixed() const { return sums_.point; }

 private:
  struct Part {  // rows [first, first + count)
    std::int64_t first, count;
  };
  void reduce(Part part, const Comm& comm);
  void reduce_touched(Part part, const Comm& comm);
  void reduce_weight(Part part, const Comm& comm);
  void touch_weighted(Part part);
  void reduce_packed(Part part, const Comm& comm);
  aggregate::Sums sums_;
  aggregate::Add add_;
  bool whole_ = false;
  std::int64_t bytes_moved_ = 0;
};

// The sums of a table, with owners to them. Sums that are whole already have none: then `owners` is
// emptied. Collective.
void reduce(std::vector<RowSum>& sums, std::optional<RowSplit>& owners, const Comm& comm);

// One thread's part of a FixedSum: without locks until it is added whole. For vectors of a few
// numbers, where many threads would wait for one lock.
class FixedPart {
 public:
  FixedPart(std::int64_t size, FixedPoint fixed) : fixed_(fixed), sums_(std::size_t(size)) {}
  [[nodiscard]] bool add(std::span<const float> x, std::int64_t weight = 1);  // as RowSum::add
  [[nodiscard]] bool add(std::span<const double> x, std::int64_t weight = 1);
  [[nodiscard]] std::span<const std::int64_t> raw() const { return sums_; }

 private:
  FixedPoint fixed_;
  std::vector<std::int64_t> sums_;
};

// sum of weight * x for one vector: heads, group means of heads, losses.
class FixedSum {
 public:
  FixedSum(std::int64_t size, FixedPoint fixed);
  [[nodiscard]] bool add(std::span<const float> x, std::int64_t weight = 1);  // as RowSum::add
  [[nodiscard]] bool add(std::span<const double> x, std::int64_t weight = 1);
  [[nodiscard]] FixedPart part() const { return {size(), fixed_}; }
  void add(const FixedPart& part);  // threads may call it at once
  // made elsewhere; whole: those of all ranks, reduce() has nothing to do
  void merge(std::span<const std::int64_t> sums, bool whole);
  void reduce(const Comm& comm);                             // collective
  void add_noise(const SumNoise& noise, std::uint64_t who);  // as RowSum's
  void clear();
  [[nodiscard]] double operator[](std::int64_t j) const {
    return fixed_.decode(sums_[std::size_t(j)]);
  }
  void decode(double factor, std::span<float> out) const;  // factor * sum
  [[nodiscard]] std::span<const std::int64_t> raw() const { return sums_; }
  [[nodiscard]] std::int64_t size() const { return std::int64_t(sums_.size()); }
  [[nodiscard]] const FixedPoint& fixed() const { return fixed_; }
  [[nodiscard]] std::int64_t bytes_moved() const { return bytes_moved_; }

 private:
  template <class T>
  bool add_values(std::span<const T> x, std::int64_t weight);
  static constexpr std::int64_t chunk = 256;  // values behind one lock
  FixedPoint fixed_;
  Array<std::int64_t> sums_;
  aggregate::RowLocks locks_;
  bool whole_ = false;
  std::int64_t bytes_moved_ = 0;
};

}  // namespace fedfuse
