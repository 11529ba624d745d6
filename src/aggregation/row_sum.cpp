#include "aggregation/row_sum.hpp"

#include <algorithm>
#include <cstring>

#include "aggregation/row_owners.hpp"
#include "core/error.hpp"

namespace fedfuse {

void RowSum::merge(std::int64_t first, std::span<const std::int64_t> sums, const Comm* over) {
  whole_ = true;
  const std::int64_t count = cols() == 0 ? 0 : std::int64_t(sums.size()) / cols();
  FEDFUSE_CHECK(count * cols() == std::int64_t(sums.size()) && first + count <= rows(),
                "sums of other rows");
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t* from = sums.data() + i * cols();
    std::int64_t* to = sums_.values.row(first + i);
    bool any = false;
    for (std::int64_t k = 0; k < cols(); ++k) {
      to[k] += from[k];
      any |= from[k] != 0;
    }
    if (any) sums_.touched[std::size_t(first + i)] = 1;
  }
  if (over != nullptr && over->size() > 1) reduce({first, count}, *over);
}

void RowSum::merge_weight(std::int64_t first, std::span<const std::int64_t> weight) {
  FEDFUSE_CHECK(std::size_t(first) + weight.size() <= sums_.weight.size(), "weights of other rows");
  for (std::size_t i = 0; i < weight.size(); ++i) sums_.weight[std::size_t(first) + i] += weight[i];
  touch_weighted({first, std::int64_t(weight.size())});
}

void RowSum::touch_weighted(Part part) {
  for (std::int64_t i = part.first; i < part.first + part.count; ++i)
    sums_.touched[std::size_t(i)] = std::uint8_t(sums_.weight[std::size_t(i)] != 0);
}

void RowSum::reduce(const Comm& comm) {
  if (comm.size() > 1 && !whole_) reduce({0, rows()}, comm);
}

void RowSum::reduce(Part part, const Comm& comm) {
  if (sums_.weight.empty())
    reduce_touched(part, comm);
  else
    reduce_weight(part, comm);
  const auto touched =
      std::count_if(sums_.touched.begin() + part.first,
                    sums_.touched.begin() + part.first + part.count, [](auto t) { return t != 0; });
  const bool mostly_touched = touched * 4 > part.count * 3;
  if (mostly_touched) {
    comm.sum({sums_.values.row(part.first), std::size_t(part.count * cols())});
    bytes_moved_ += part.count * cols() * 8;
  } else {
    reduce_packed(part, comm);
  }
}

// Eight flags a word: below 256 ranks no byte overflows into its neighbour.
void RowSum::reduce_touched(Part part, const Comm& comm) {
  const std::size_t per_word = comm.size() < 256 ? 8 : 1, count = std::size_t(part.count);
  std::uint8_t* flags = sums_.touched.data() + part.first;
  std::vector<std::int64_t> words((count + per_word - 1) / per_word);
  for (std::size_t i = 0; i < count; ++i)
    words[i / per_word] |= std::int64_t(flags[i]) << (8 * (i % per_word));
  comm.sum(words);
  bytes_moved_ += std::int64_t(words.size()) * 8;
  const std::uint64_t mask = per_word == 8 ? 0xFF : ~std::uint64_t(0);
  for (std::size_t i = 0; i < count; ++i)
    flags[i] = (std::uint64_t(words[i / per_word]) >> (8 * (i % per_word)) & mask) != 0;
}

// The weights say which rows were touched: no flags travel.
void RowSum::reduce_weight(Part part, const Comm& comm) {
  comm.sum({sums_.weight.data() + part.first, std::size_t(part.count)});
  bytes_moved_ += part.count * 8;
  touch_weighted(part);
}

// Touched rows only, a few thousand at a time so that the copy stays small.
void RowSum::reduce_packed(Part part, const Comm& comm) {
  const std::int64_t per_tile =
      std::max<std::int64_t>(1, (std::int64_t(1) << 20) / std::max<std::int64_t>(1, cols()));
  std::vector<std::int64_t> ids;
  for (std::int64_t i = part.first; i < part.first + part.count; ++i)
    if (sums_.touched[std::size_t(i)] != 0) ids.push_back(i);
  Array<std::int64_t> packed;
  for (std::size_t first = 0; first < ids.size(); first += std::size_t(per_tile)) {
    const std::size_t count = std::min(std::size_t(per_tile), ids.size() - first);
    packed.resize(count * std::size_t(cols()));
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(sums_.values.row(ids[first + i]), cols(),
                  packed.data() + std::int64_t(i) * cols());
    comm.sum({packed.data(), packed.size()});
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(packed.data() + std::int64_t(i) * cols(), cols(),
                  sums_.values.row(ids[first + i]));
    bytes_moved_ += std::int64_t(packed.size()) * 8;
  }
}

void RowSum::reduce_to_owners(const RowSplit& split, const Comm& comm) {
  if (comm.size() == 1 || whole_) return;
  reduce_touched({0, rows()}, comm);
  const bool counted = !sums_.weight.empty();
  const std::int64_t words = cols() + (counted ? 1 : 0);
  const RowTiles tiles(split, sums_.touched, words * std::int64_t(sizeof(std::int64_t)));
  Matrix<std::int64_t> sent, mine;
  for (std::int64_t t = 0; t < tiles.tiles(); ++t) {
    const auto tile = tiles.tile(t);
    sent = {std::int64_t(tile.rows.size()), words};
    for (std::int64_t k = 0; k < sent.rows; ++k) {
      const auto row = tile.rows[std::size_t(k)];
      std::copy_n(sums_.values.row(row), cols(), sent.row(k));
      if (counted) sent(k, cols()) = sums_.weight[std::size_t(row)];
    }
    mine = {tile.my_count, words};
    auto numbers = tile.counts;
    for (auto& n : numbers) n *= words;
    comm.reduce_scatter(sent.span(), numbers, mine.span());
    for (std::int64_t k = 0; k < mine.rows; ++k) {
      const auto row = tile.rows[std::size_t(tile.my_first + k)];
      std::copy_n(mine.row(k), cols(), sums_.values.row(row));
      if (counted) sums_.weight[std::size_t(row)] = mine(k, cols());
    }
    bytes_moved_ += std::int64_t(sent.span().size_bytes());
  }
}

void reduce(std::vector<RowSum>& sums, std::optional<RowSplit>& owners, const Comm& comm) {
  if (std::ranges::any_of(sums, [](const RowSum& sum) { return sum.whole(); })) owners.reset();
  for (auto& rows : sums) {
    if (owners)
      rows.reduce_to_owners(*owners, comm);
    else
      rows.reduce(comm);
  }
}

void RowSum::add_noise(const SumNoise& noise, std::uint64_t first, RowRange of) {
#pragma omp parallel for schedule(static)
  for (std::int64_t i = of.first; i < of.first + of.count; ++i)
    noise.add(first + std::uint64_t(i), {sums_.values.row(i), std::size_t(cols())},
              sums_.point.scale);
  std::ranges::fill(sums_.touched, std::uint8_t(1));
}

void RowSum::clear() {
  whole_ = false;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < rows(); ++i)
    if (sums_.touched[std::size_t(i)] != 0) std::fill_n(sums_.values.row(i), cols(), 0);
  std::ranges::fill(sums_.touched, std::uint8_t(0));
  std::ranges::fill(sums_.weight, 0);
}

void RowSum::decode(std::int64_t row, double* out) const {
  for (std::int64_t k = 0; k < cols(); ++k) out[k] = sums_.point.decode(sums_.values(row, k));
}

void RowSum::decode(std::int64_t row, double factor, float* out) const {
  for (std::int64_t k = 0; k < cols(); ++k)
    out[k] = float(factor * sums_.point.decode(sums_.values(row, k)));
}

std::int64_t RowSum::touched_rows() const {
  return std::ranges::count(sums_.touched, std::uint8_t(1));
}

FixedSum::FixedSum(std::int64_t size, FixedPoint fixed) : fixed_(fixed), sums_(std::size_t(size)) {}

namespace {

template <class T>
bool add_to(std::span<std::int64_t> sums, std::span<const T> x, const FixedPoint& fixed,
            std::int64_t weight) {
  FEDFUSE_CHECK(x.size() == sums.size(), "a vector of another length");
  if (!aggregate::all_fit(x.data(), std::int64_t(x.size()), fixed.largest)) return false;
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
  if (!aggregate::all_fit(x.data(), size(), fixed_.largest)) return false;
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

void FixedSum::add_noise(const SumNoise& noise, std::uint64_t who) {
  noise.add(who, sums_, fixed_.scale);
}

void FixedSum::clear() {
  whole_ = false;
  std::ranges::fill(sums_, 0);
}

void FixedSum::decode(double factor, std::span<float> out) const {
  for (std::size_t j = 0; j < sums_.size(); ++j) out[j] = float(factor * fixed_.decode(sums_[j]));
}

}  // namespace fedfuse
