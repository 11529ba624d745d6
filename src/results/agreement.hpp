#pragma once
// Do all ranks hold the same state? Sums that differ between ranks would part them.
#include <cstdint>

#include "core/comm.hpp"
#include "results/checkpoint.hpp"

namespace fedfuse {

// Collective. How many ranks hold other bits than rank 0 of what `visit` lists as the same on every
// rank. What stays on the clients is not compared.
[[nodiscard]] std::int64_t ranks_that_differ(const VisitState& visit, const Comm& comm);

}  // namespace fedfuse
