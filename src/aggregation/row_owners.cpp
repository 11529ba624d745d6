#include "aggregation/row_owners.hpp"

#include <algorithm>

namespace fedfuse {

RowTiles::RowTiles(const RowSplit& split, std::span<const std::uint8_t> chosen,
                   std::int64_t row_bytes)
    : rank_(split.rank) {
  std::int64_t most = 0;
  for (int r = 0; r < split.ranks; ++r) {
    first_.push_back(rows_.size());
    for (auto i = split.first(r); i < split.first(r + 1); ++i)
      if (chosen.empty() || chosen[std::size_t(i)] != 0) rows_.push_back(std::int32_t(i));
    most = std::max(most, std::int64_t(rows_.size() - first_.back()));
  }
  first_.push_back(rows_.size());
  slice_ =
      std::max<std::int64_t>(1, tile_bytes / std::max<std::int64_t>(1, row_bytes) / split.ranks);
  tiles_ = (most + slice_ - 1) / slice_;
}

RowTiles::Tile RowTiles::tile(std::int64_t t) const {
  Tile tile;
  for (std::size_t r = 0; r + 1 < first_.size(); ++r) {
    const auto from = std::min(first_[r] + std::size_t(t * slice_), first_[r + 1]),
               to = std::min(from + std::size_t(slice_), first_[r + 1]);
    if (int(r) == rank_) tile.my_first = std::int64_t(tile.rows.size());
    tile.rows.insert(tile.rows.end(), rows_.begin() + std::int64_t(from),
                     rows_.begin() + std::int64_t(to));
    tile.counts.push_back(std::int64_t(to - from));
  }
  tile.my_count = tile.counts[std::size_t(rank_)];
  return tile;
}

void gather_rows(Matrix<float>& whole, const RowSplit& split, std::span<const std::uint8_t> chosen,
                 const Comm& comm) {
  if (comm.size() == 1) return;
  const auto count = std::ranges::count_if(chosen, [](auto c) { return c != 0; });
  const bool mostly = count * 4 > whole.rows * 3;
  if (chosen.empty() || mostly) return complete_rows(whole, split, comm);
  const RowTiles tiles(split, chosen, whole.cols * std::int64_t(sizeof(float)));
  Matrix<float> packed;
  for (std::int64_t t = 0; t < tiles.tiles(); ++t) {
    const auto tile = tiles.tile(t);
    packed = Matrix<float>(std::int64_t(tile.rows.size()), whole.cols);
    for (auto k = tile.my_first; k < tile.my_first + tile.my_count; ++k)
      std::copy_n(whole.row(tile.rows[std::size_t(k)]), whole.cols, packed.row(k));
    comm.all_gather_rows(packed.span(), packed.cols, tile.counts);
    for (std::int64_t k = 0; k < packed.rows; ++k)
      std::copy_n(packed.row(k), whole.cols, whole.row(tile.rows[std::size_t(k)]));
  }
}

}  // namespace fedfuse
