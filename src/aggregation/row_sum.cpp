#include "aggregation/row_sum.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace fedfuse {

RowSum::RowSum(std::int64_t rows, int cols, FixedPoint fixed)
    : fixed_(fixed), sums_(rows, cols), touched_(std::size_t(rows)) {}

void RowSum::add_fitting(std::int32_t row, const float* x, std::int64_t weight) {
  aggregate::add_fixed(sums_.row(row), x, sums_.cols, fixed_.scale, weight);
  touched_[std::size_t(row)] = 1;
}

bool RowSum::add(std::int32_t row, const float* x, std::int64_t weight) {
  return add({&row, 1}, x, weight);
}

bool RowSum::add(std::span<const std::int32_t> ids, const float* x, std::int64_t weight) {
  if (!aggregate::all_fit(x, std::int64_t(ids.size()) * sums_.cols)) return false;
  const bool alone = !in_parallel();
  constexpr std::size_t ahead = 2;  // rows: enough to hide a miss behind two additions
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i + ahead < ids.size()) aggregate::prefetch_row(sums_.row(ids[i + ahead]), cols());
    const float* row = x + std::int64_t(i) * sums_.cols;
    if (alone) {
      add_fitting(ids[i], row, weight);
    } else {
      const aggregate::RowLocks::Hold hold(locks_, ids[i]);
      add_fitting(ids[i], row, weight);
    }
  }
  return true;
}

void RowSum::merge(std::int64_t first, std::span<const std::int64_t> sums, const Comm* over) {
  whole_ = true;
  const std::int64_t count = cols() == 0 ? 0 : std::int64_t(sums.size()) / cols();
  FEDFUSE_CHECK(count * cols() == std::int64_t(sums.size()) && first + count <= rows(),
                "sums of other rows");
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t* from = sums.data() + i * sums_.cols;
    std::int64_t* to = sums_.row(first + i);
    bool any = false;
    for (std::int64_t k = 0; k < sums_.cols; ++k) {
      to[k] += from[k];
      any |= from[k] != 0;
    }
    if (any) touched_[std::size_t(first + i)] = 1;
  }
  if (over != nullptr && over->size() > 1) reduce({first, count}, *over);
}

void RowSum::reduce(const Comm& comm) {
  if (comm.size() > 1 && !whole_) reduce({0, rows()}, comm);
}

void RowSum::reduce(Part part, const Comm& comm) {
  reduce_touched(part, comm);
  const auto touched =
      std::count_if(touched_.begin() + part.first, touched_.begin() + part.first + part.count,
                    [](auto t) { return t != 0; });
  const bool mostly_touched = touched * 4 > part.count * 3;
  if (mostly_touched) {
    comm.sum({sums_.row(part.first), std::size_t(part.count * sums_.cols)});
    bytes_moved_ += part.count * sums_.cols * 8;
  } else {
    reduce_packed(part, comm);
  }
}

// Eight flags a word: below 256 ranks no byte overflows into its neighbour.
void RowSum::reduce_touched(Part part, const Comm& comm) {
  const std::size_t per_word = comm.size() < 256 ? 8 : 1, count = std::size_t(part.count);
  std::uint8_t* flags = touched_.data() + part.first;
  std::vector<std::int64_t> words((count + per_word - 1) / per_word);
  for (std::size_t i = 0; i < count; ++i)
    words[i / per_word] |= std::int64_t(flags[i]) << (8 * (i % per_word));
  comm.sum(words);
  bytes_moved_ += std::int64_t(words.size()) * 8;
  const std::uint64_t mask = per_word == 8 ? 0xFF : ~std::uint64_t(0);
  for (std::size_t i = 0; i < count; ++i)
    flags[i] = (std::uint64_t(words[i / per_word]) >> (8 * (i % per_word)) & mask) != 0;
}

// Touched rows only, a few thousand at a time so that the copy stays small.
void RowSum::reduce_packed(Part part, const Comm& comm) {
  const std::int64_t per_tile =
      std::max<std::int64_t>(1, (std::int64_t(1) << 20) / std::max<std::int64_t>(1, sums_.cols));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = part.first; i < part.first + part.count; ++i)
    if (touched_[std::size_t(i)] != 0) ids.push_back(i);
  Array<std::int64_t> packed;
  for (std::size_t first = 0; first < ids.size(); first += std::size_t(per_tile)) {
    const std::size_t count = std::min(std::size_t(per_tile), ids.size() - first);
    packed.resize(count * std::size_t(sums_.cols));
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(sums_.row(ids[first + i]), sums_.cols,
                  packed.data() + std::int64_t(i) * sums_.cols);
    comm.sum({packed.data(), packed.size()});
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(packed.data() + std::int64_t(i) * sums_.cols, sums_.cols,
                  sums_.row(ids[first + i]));
    bytes_moved_ += std::int64_t(packed.size()) * 8;
  }
}

void RowSum::clear() {
  whole_ = false;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < rows(); ++i)
    if (touched_[std::size_t(i)] != 0) std::fill_n(sums_.row(i), sums_.cols, 0);
  std::ranges::fill(touched_, std::uint8_t(0));
}

void RowSum::decode(std::int64_t row, double* out) const {
  for (std::int64_t k = 0; k < sums_.cols; ++k) out[k] = fixed_.decode(sums_(row, k));
}

void RowSum::decode(std::int64_t row, double factor, float* out) const {
  for (std::int64_t k = 0; k < sums_.cols; ++k)
    out[k] = float(factor * fixed_.decode(sums_(row, k)));
}

std::int64_t RowSum::touched_rows() const { return std::ranges::count(touched_, std::uint8_t(1)); }

FixedSum::FixedSum(std::int64_t size, FixedPoint fixed) : fixed_(fixed), sums_(std::size_t(size)) {}

namespace {

template <class T>
bool add_to(std::span<std::int64_t> sums, std::span<const T> x, const FixedPoint& fixed,
            std::int64_t weight) {
  FEDFUSE_CHECK(x.size() == sums.size(), "a vector of another length");
  if (!aggregate::all_fit(x.data(), std::int64_t(x.size()))) return false;
  aggregate::add_fixed(sums.data(), x.data(), std::int64_t(x.size()), fixed.scale, weight);
  return true;
}

}  // namespace

bool FixedPart::add(std::span<const float> x, std::int64_t weight) {
  return add_to(std::span(sums_), x, fixed_, weight);
}
bool FixedPart::add(std::span<const double> x, std::int64_t weight) {
  return add_to(std::span(sums_), x, fixed_, weight);
}

template <class T>
bool FixedSum::add_values(std::span<const T> x, std::int64_t weight) {
  FEDFUSE_CHECK(std::int64_t(x.size()) == size(), "a vector of another length");
  if (!aggregate::all_fit(x.data(), size())) return false;
  for (std::int64_t first = 0; first < size(); first += chunk) {
    const std::int64_t count = std::min(chunk, size() - first);
    const aggregate::RowLocks::Hold hold(locks_, first / chunk);
    aggregate::add_fixed(sums_.data() + first, x.data() + first, count, fixed_.scale, weight);
  }
  return true;
}

bool FixedSum::add(std::span<const float> x, std::int64_t weight) { return add_values(x, weight); }
bool FixedSum::add(std::span<const double> x, std::int64_t weight) { return add_values(x, weight); }

void FixedSum::add(const FixedPart& part) {
  const auto from = part.raw();
  FEDFUSE_CHECK(std::int64_t(from.size()) == size(), "a part of another sum");
  for (std::int64_t first = 0; first < size(); first += chunk) {
    const aggregate::RowLocks::Hold hold(locks_, first / chunk);
    for (std::int64_t k = first; k < std::min(first + chunk, size()); ++k)
      sums_[std::size_t(k)] += from[std::size_t(k)];
  }
}

void FixedSum::merge(std::span<const std::int64_t> sums, bool whole) {
  whole_ = whole;
  FEDFUSE_CHECK(sums.size() == sums_.size(), "sums of another vector");
  for (std::size_t k = 0; k < sums.size(); ++k) sums_[k] += sums[k];
}

void FixedSum::reduce(const Comm& comm) {
  if (comm.size() == 1 || whole_) return;
  comm.sum({sums_.data(), sums_.size()});
  bytes_moved_ += size() * 8;
}

void FixedSum::clear() {
  whole_ = false;
  std::ranges::fill(sums_, 0);
}

void FixedSum::decode(double factor, std::span<float> out) const {
  for (std::size_t j = 0; j < sums_.size(); ++j) out[j] = float(factor * fixed_.decode(sums_[j]));
}

}  // namespace fedfuse
