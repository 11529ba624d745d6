#pragma once
// Clients' own rows on their way to a file and back: what the rank that writes a block of ids
// writes.
#include "clients/overlay.hpp"
#include "core/h5_stored.hpp"
#include "results/client_order.hpp"

namespace fedfuse {

struct OverlayBlock {
  Array<std::int32_t> counts;          // rows of each client of the block
  Array<std::int32_t> items;           // of these rows, ascending within a client
  Array<float> rows;                   // rows x width
  std::int64_t before = 0, total = 0;  // rows in the blocks of the ranks before, and of all ranks
};

// collective
[[nodiscard]] OverlayBlock block_of(const OverlayStore& overlay, const ClientOrder& order,
                                    const Comm& comm);
// InputError unless the items of each client are ascending, each once, and fewer than `items`.
// first: the block's first client.
void check_items(const OverlayBlock& block, std::int64_t first, std::int64_t items,
                 const h5::Place& place);
// Puts the rows of counts, items and rows where they belong. Collective.
void fill(OverlayStore& overlay, const ClientOrder& order, const OverlayBlock& block);

}  // namespace fedfuse
