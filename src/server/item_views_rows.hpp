#pragma once
// What ItemViews on the processor and on a device share: how rows are spread over ranks (whole
// blocks of fixed size, so that no split changes a bit), and how gradients are scaled and refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {

// Blocks [begin, end) of this rank, and their rows.
struct MyBlocks {
  std::int64_t items, block, begin, end;
  MyBlocks(std::int64_t M, std::int64_t block_items, const Comm& comm)
      : items(M), block(block_items) {
    const BlockSplit split{(M + block - 1) / block, comm.size()};
    begin = split.first(comm.rank());
    end = split.first(comm.rank() + 1);
  }
  [[nodiscard]] std::int64_t first(std::int64_t b) const { return std::min(b * block, items); }
  [[nodiscard]] std::int64_t rows(std::int64_t b) const { return first(b + 1) - first(b); }
  [[nodiscard]] std::int64_t my_first() const { return first(begin); }
  [[nodiscard]] std::int64_t my_rows() const { return first(end) - first(begin); }
};

// The rows of every rank, in rank order, into `whole`; this rank's stand there already.
inline void complete_rows(Matrix<float>& whole, const MyBlocks& mine, const Comm& comm) {
  if (comm.size() == 1) return;
  const auto all = comm.all_gather<float>(
      std::span<const float>(whole.row(mine.my_first()), std::size_t(mine.my_rows() * whole.cols)));
  std::ranges::copy(all, whole.values.begin());
}

// The way back is linear in dL/dF, the same on all ranks: 2^-exponent brings its largest near 1.
[[nodiscard]] inline int exponent_of(float largest) {
  return largest > 0 ? std::clamp(std::ilogb(largest), -100, 100) : 0;
}
[[nodiscard]] inline ServerDiverged views_diverged(const std::string& what) {
  return {"the server's item views", cat(what, " is not finite"), "lower --server-lr or --lr"};
}
[[nodiscard]] inline ServerDiverged gradient_not_finite() {
  return views_diverged("the gradient of the item views");
}

}  // namespace fedfuse
