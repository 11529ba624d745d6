#pragma once
// Rows on their way to and from their owners (core/rows.hpp), a bounded number at a time: a tile
// holds a slice of the rows of every rank, so that all ranks send and receive at once.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"

namespace fedfuse {

class RowTiles {
 public:
  static constexpr std::int64_t tile_bytes = std::int64_t(1) << 23;
  // chosen: of each row 0 or 1; empty: all rows. row_bytes: what a row takes on its way.
  RowTiles(const RowSplit& split, std::span<const std::uint8_t> chosen, std::int64_t row_bytes);

  struct Tile {
    std::vector<std::int32_t> rows;           // of rank 0, then of rank 1, ...
    std::vector<std::int64_t> counts;         // of each rank
    std::int64_t my_first = 0, my_count = 0;  // places of this rank's
  };
  [[nodiscard]] std::int64_t tiles() const { return tiles_; }
  [[nodiscard]] Tile tile(std::int64_t t) const;

 private:
  int rank_;
  std::vector<std::int32_t> rows_;
  std::vector<std::size_t> first_;  // of each rank in rows_, and the end
  std::int64_t slice_ = 1, tiles_ = 0;
};

// Rows `chosen` (of each row 0 or 1; empty: all) of every rank into `whole`; this rank's stand
// there already, and all ranks know the choice. Collective.
void gather_rows(Matrix<float>& whole, const RowSplit& split, std::span<const std::uint8_t> chosen,
                 const Comm& comm);

}  // namespace fedfuse
