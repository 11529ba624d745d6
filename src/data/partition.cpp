#include "data/partition.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "core/error.hpp"

namespace fedfuse {

std::vector<std::int32_t> heaviest_first(std::span<const std::int64_t> work) {
  std::vector<std::int32_t> order(work.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return work[std::size_t(a)] > work[std::size_t(b)];
  });
  return order;
}

std::vector<std::int32_t> partition_clients(std::span<const std::int64_t> work, int ranks) {
  FEDFUSE_CHECK(ranks >= 1, "clients need a rank");
  // work so far, rank: the least comes out first
  using Load = std::pair<std::int64_t, std::int32_t>;
  std::vector<Load> idle;
  idle.reserve(std::size_t(ranks));
  for (std::int32_t r = 0; r < ranks; ++r) idle.emplace_back(0, r);
  std::priority_queue<Load, std::vector<Load>, std::greater<>> ranks_by_load(std::greater<>{},
                                                                             std::move(idle));
  std::vector<std::int32_t> rank_of(work.size(), 0);
  for (const auto client : heaviest_first(work)) {
    auto [load, rank] = ranks_by_load.top();
    ranks_by_load.pop();
    rank_of[std::size_t(client)] = rank;
    ranks_by_load.emplace(load + work[std::size_t(client)] + 1, rank);
  }
  return rank_of;
}

}  // namespace fedfuse
