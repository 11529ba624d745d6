#pragma once
// The rows of a table over ranks, and the one split of items in the program. A rank owns whole
// blocks of a fixed size: what is made block by block has the same bits on any number of ranks.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"

namespace fedfuse {

struct RowRange {
  std::int64_t first = 0, count = 0;
};

// Blocks [begin, end) of this rank, and their rows.
struct RowSplit {
  static constexpr std::int64_t usual_block = 256;  // rows
  std::int64_t rows = 0, block = usual_block, begin = 0, end = 0;
  int ranks = 1, rank = 0;

  RowSplit() = default;
  RowSplit(std::int64_t all_rows, const Comm& comm, std::int64_t block_rows = usual_block)
      : rows(all_rows), block(block_rows), ranks(comm.size()), rank(comm.rank()) {
    begin = blocks().first(rank);
    end = blocks().first(rank + 1);
  }
  [[nodiscard]] std::int64_t block_first(std::int64_t b) const { return std::min(b * block, rows); }
  [[nodiscard]] std::int64_t block_rows(std::int64_t b) const {
    return block_first(b + 1) - block_first(b);
  }
  // of any rank
  [[nodiscard]] std::int64_t first(int of) const { return block_first(blocks().first(of)); }
  [[nodiscard]] std::int64_t count(int of) const { return first(of + 1) - first(of); }
  [[nodiscard]] std::vector<std::int64_t> counts() const {
    std::vector<std::int64_t> all;
    for (int r = 0; r < ranks; ++r) all.push_back(count(r));
    return all;
  }
  [[nodiscard]] std::int64_t my_first() const { return block_first(begin); }
  [[nodiscard]] std::int64_t my_rows() const { return block_first(end) - block_first(begin); }
  [[nodiscard]] RowRange mine() const { return {my_first(), my_rows()}; }

 private:
  [[nodiscard]] BlockSplit blocks() const { return {(rows + block - 1) / block, ranks}; }
};

// The rows of every rank into `whole`; this rank's stand there already. Collective.
template <class T>
void complete_rows(Matrix<T>& whole, const RowSplit& split, const Comm& comm) {
  comm.all_gather_rows(whole.span(), whole.cols, split.counts());
}

}  // namespace fedfuse
