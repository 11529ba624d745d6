#pragma once
// The groups that clients start with under `--prior-start behaviour`: k-means of what they
// interacted with, federated (models.md section 9).
#include <cstdint>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// The group of each client of this rank, 0 .. groups - 1. The profile of client u, which stays with
// it, is the sum of Z[i] over its P_u, to norm 1. The centres start as the rows Z[i], to norm 1, of
// drawn distinct items (as drawn directions where fewer items have features); then at most 10 steps
// of Lloyd, in which clients send up only their sum and count per group, in exact fixed point; an
// empty group keeps its centre. A client without a profile gets a drawn group. Z: M x P.
// Collective; the same bits for any number of ranks and threads.
[[nodiscard]] std::vector<std::int32_t> behaviour_start(const Matrix<float>& Z, const Dataset& data,
                                                        std::int64_t groups, std::uint64_t seed,
                                                        const Comm& comm);

}  // namespace fedfuse
