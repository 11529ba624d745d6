#pragma once
// Agreement of two labelings, e.g. learned groups and planted ones: the adjusted Rand index
// (Hubert, Arabie 1985)
//   ARI = (sum_ij C(n_ij,2) - E) / ((sum_i C(a_i,2) + sum_j C(b_j,2)) / 2 - E),  E = sum_i C(a_i,2)
//     sum_j C(b_j,2) / C(n,2),
// from the contingency table n_ij in integers, summed over the ranks.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse {

// Collective. a, b: of this rank's clients, any numbers; a client with a negative one in either is
// left out. 1: the same partition up to names; about 0: chance. By convention 1 when both
// partitions are trivial; NaN when no client has both.
[[nodiscard]] double adjusted_rand_index(std::span<const std::int32_t> a,
                                         std::span<const std::int32_t> b, const Comm& comm);

// Collective. The different values over all ranks, ascending.
[[nodiscard]] std::vector<std::int32_t> distinct_values(std::span<const std::int32_t> values,
                                                        const Comm& comm);

}  // namespace fedfuse
