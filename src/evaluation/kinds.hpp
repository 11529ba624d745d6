#pragma once
// The metrics of clients apart, by a kind that each has (a simulated device, its activity).
#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/metrics.hpp"

namespace fedfuse {

// kind: of each client of this rank, from 0 to kinds - 1. One evaluation a kind, NaN where nobody
// of a kind has a held-out item. Collective; same bits for any number of ranks.
[[nodiscard]] std::vector<Evaluation> metrics_of_kinds(const LocalRanks& ranks, const Dataset& data,
                                                       std::span<const std::int32_t> kind,
                                                       std::int32_t kinds, const Comm& comm);

}  // namespace fedfuse
