#pragma once
// Which rank emulates which client. Computed alike on every rank from the clients' work alone, so
// that nothing has to be sent and any number of ranks can continue what another number began.
#include <cstdint>
#include <span>
#include <vector>

namespace fedfuse {

// work[u]: training interactions of client u, >= 0. Heaviest client first, each to the rank with
// the least work so far (LPT; Graham 1969: at most 4/3 of the best makespan), ties to the lower id.
// A client costs its interactions + 1, so that clients without any are spread too; every rank gets
// a client when ranks <= clients. Returns the rank of each client. O(N log N + N log ranks).
[[nodiscard]] std::vector<std::int32_t> partition_clients(std::span<const std::int64_t> work,
                                                          int ranks);

// Positions 0..n-1 sorted by work, heaviest first, ties by position.
[[nodiscard]] std::vector<std::int32_t> heaviest_first(std::span<const std::int64_t> work);

}  // namespace fedfuse
