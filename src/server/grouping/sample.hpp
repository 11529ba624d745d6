#pragma once
// Which participants are clustered: all, or above a limit that many landmarks, drawn by the
// counter-based numbers of their client ids (the smallest keys win): the same ones for any number
// of ranks, and from round to round.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"

namespace fedfuse::grouping {

// Collective. ids: of this rank's participants, ascending. Returns ascending ids, the same on all
// ranks.
[[nodiscard]] std::vector<std::int32_t> choose_sample(std::span<const std::int32_t> ids,
                                                      std::int64_t total, std::int64_t limit,
                                                      std::uint64_t seed, const Comm& comm);

// Collective. Rank 0 gets the vectors of the sample, in the order of its ids (sample x columns);
// the others 0 rows.
[[nodiscard]] Matrix<float> gather_sample(const Matrix<float>& vectors,
                                          std::span<const std::int32_t> ids,
                                          std::span<const std::int32_t> sample,
                                          std::int64_t columns, const Comm& comm);

}  // namespace fedfuse::grouping
