#include "results/client_order.hpp"

#include <algorithm>
#include <numeric>

namespace fedfuse {

ClientOrder::ClientOrder(std::span<const std::int32_t> client_ids, std::int64_t clients,
                         const Comm& comm)
    : comm_(comm) {
  const BlockSplit blocks{clients, comm.size()};
  first_ = blocks.first(comm.rank());
  std::vector<std::vector<std::int32_t>> ids_of_owner(std::size_t(comm.size()));
  for (const auto id : client_ids) ids_of_owner[std::size_t(blocks.owner(id))].push_back(id);
  local_of_owner_.push_back(0);
  for (const auto& ids : ids_of_owner)
    local_of_owner_.push_back(local_of_owner_.back() + std::int64_t(ids.size()));

  std::vector<std::vector<std::int64_t>> announced;
  announced.reserve(ids_of_owner.size());
  for (const auto& ids : ids_of_owner) announced.push_back({std::int64_t(ids.size())});
  block_of_holder_.push_back(0);
  for (const auto held : comm.exchange(announced))
    block_of_holder_.push_back(block_of_holder_.back() + held);
  block_row_ = comm.exchange(ids_of_owner);
  for (auto& id : block_row_) id -= std::int32_t(first_);

  comm.together([&] {
    FEDFUSE_CHECK(std::ranges::is_sorted(client_ids), "client ids are not ascending");
    std::vector<bool> seen(std::size_t(blocks.count(comm.rank())), false);
    for (const auto row : block_row_) seen.at(std::size_t(row)) = true;
    const bool each_once =
        block_row_.size() == seen.size() && std::ranges::find(seen, false) == seen.end();
    FEDFUSE_CHECK(each_once, "the ranks do not hold every client exactly once");
  });
}

std::vector<std::int64_t> ClientOrder::every_one(std::int64_t n) {
  std::vector<std::int64_t> offsets(std::size_t(n) + 1);
  std::iota(offsets.begin(), offsets.end(), std::int64_t(0));
  return offsets;
}

std::int64_t ClientOrder::pieces(std::int64_t bytes_of_this_rank) const {
  // larger ones would be fresh memory each time, and page faults cost more than copies
  constexpr std::int64_t piece = std::int64_t(8) << 20;
  return std::max<std::int64_t>(1, comm_.max((bytes_of_this_rank + piece - 1) / piece));
}

std::vector<std::int64_t> offsets_of(std::span<const std::int32_t> counts) {
  std::vector<std::int64_t> offsets(counts.size() + 1, 0);
  for (std::size_t k = 0; k < counts.size(); ++k) offsets[k + 1] = offsets[k] + counts[k];
  return offsets;
}

}  // namespace fedfuse
