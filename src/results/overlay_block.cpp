#include "results/overlay_block.hpp"

#include "core/text.hpp"

namespace fedfuse {

OverlayBlock block_of(const OverlayStore& overlay, const ClientOrder& order, const Comm& comm) {
  std::vector<std::int32_t> counts, ids;
  Array<float> rows;
  ids.reserve(std::size_t(overlay.total_rows()));
  rows.reserve(std::size_t(overlay.total_rows() * overlay.width()));
  for (std::int64_t k = 0; k < overlay.clients(); ++k) {
    const auto mine = overlay.of(k);
    counts.push_back(std::int32_t(mine.ids.size()));
    ids.insert(ids.end(), mine.ids.begin(), mine.ids.end());
    rows.insert(rows.end(), mine.rows, mine.rows + std::int64_t(mine.ids.size()) * overlay.width());
  }
  OverlayBlock block;
  block.counts = order.to_block<std::int32_t>(counts, 1);
  const auto local_offsets = offsets_of(counts), block_offsets = offsets_of(block.counts);
  block.before = comm.exscan(block_offsets.back());
  block.total = comm.sum(block_offsets.back());
  block.items = order.to_block<std::int32_t>(ids, 1, local_offsets, block_offsets);
  block.rows = order.to_block<float>(std::span<const float>(rows), overlay.width(), local_offsets,
                                     block_offsets);
  return block;
}

void check_items(const OverlayBlock& block, std::int64_t first, std::int64_t items,
                 const h5::Place& place) {
  std::size_t at = 0;
  for (std::size_t k = 0; k < block.counts.size(); ++k) {
    std::int32_t before = -1;
    for (std::int32_t n = 0; n < block.counts[k]; ++n) {
      const auto item = block.items[at++];
      if (item >= items || item <= before)
        place.refuse(cat("client ", first + std::int64_t(k), " has item ", item, " after ", before,
                         ", of ", items, " items: they are ascending, each once"));
      before = item;
    }
  }
}

void fill(OverlayStore& overlay, const ClientOrder& order, const OverlayBlock& block) {
  const auto counts = order.to_local<std::int32_t>(std::span<const std::int32_t>(block.counts), 1);
  const auto block_offsets = offsets_of(block.counts), local_offsets = offsets_of(counts);
  const auto ids = order.to_local<std::int32_t>(std::span<const std::int32_t>(block.items), 1,
                                                block_offsets, local_offsets);
  const auto rows = order.to_local<float>(std::span<const float>(block.rows), overlay.width(),
                                          block_offsets, local_offsets);
  for (std::int64_t k = 0; k < overlay.clients(); ++k) {
    const auto at = local_offsets[std::size_t(k)];
    overlay.replace(k, {ids.data() + at, std::size_t(counts[std::size_t(k)])},
                    rows.data() + at * overlay.width());
  }
}

}  // namespace fedfuse
