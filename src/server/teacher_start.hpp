#pragma once
// Where the teacher's parameters start, and the order of an epoch: from the seed alone.
#include <cstdint>
#include <span>

#include "core/rng.hpp"
#include "kernels/dense/optimizer.hpp"

namespace fedfuse::teacher {

// Weights Xavier-uniform, biases 0, e ~ N(0, 1); each parameter has its own counters.
void initialise(Parameters& parameters, std::uint64_t seed);
// The slots 0 .. order.size() - 1 in the order of this epoch and round.
void shuffle(std::span<std::int32_t> order, const Rng& rng, std::int64_t epoch, std::int64_t round);

}  // namespace fedfuse::teacher
