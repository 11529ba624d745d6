#include "server/robust_rows.hpp"

#include "core/error.hpp"

namespace fedfuse {

void RobustRows::add(std::span<const std::int32_t> items, const float* rows) {
  const auto numbers = items.size() * std::size_t(width_);
  const std::lock_guard hold(one_);
  items_.insert(items_.end(), items.begin(), items.end());
  for (std::size_t j = 0; j < rows_.size(); ++j)
    rows_[j].insert(rows_[j].end(), rows + j * numbers, rows + (j + 1) * numbers);
}

void RobustRows::replace(std::vector<RowSum>& sums, const Comm& comm) {
  for (std::size_t j = 0; j < sums.size(); ++j) {
    replace(sums[j], rows_[j], comm);
    rows_[j] = {};
  }
}

// Every rank computes the statistic of a block of items, from the rows that all send to it. The
// order in which they arrive makes no difference.
void RobustRows::replace(RowSum& sum, const Array<float>& rows, const Comm& comm) const {
  const BlockSplit split{sum.rows(), comm.size()};
  std::vector<std::vector<std::int32_t>> items(std::size_t(comm.size()));
  std::vector<std::vector<float>> values(std::size_t(comm.size()));
  for (std::size_t e = 0; e < items_.size(); ++e) {
    const auto to = std::size_t(split.owner(items_[e]));
    const float* row = rows.data() + e * std::size_t(width_);
    items[to].push_back(items_[e]);
    values[to].insert(values[to].end(), row, row + width_);
  }
  auto item = comm.exchange(items);
  const auto x = comm.exchange(values);
  const auto first = split.first(comm.rank()), count = split.count(comm.rank());
  for (auto& i : item) i -= std::int32_t(first);
  const row_median::Places places(item, count);
  std::vector<std::int64_t> mine(std::size_t(count * width_));
  kernel_({.items = count,
           .width = width_,
           .offsets = places.offsets.data(),
           .order = places.order.data(),
           .x = x.data(),
           .median = options_.defence == Defence::row_median,
           .trim = options_.trim,
           .scale = sum.fixed().scale},
          mine.data());
  const auto all = comm.all_gather(std::span<const std::int64_t>(mine));
  FEDFUSE_CHECK(std::int64_t(all.size()) == sum.rows() * width_, "a row of every item");
  for (std::int64_t i = 0; i < sum.rows(); ++i)
    sum.replace(i, {all.data() + i * width_, std::size_t(width_)});
}

}  // namespace fedfuse
