#pragma once
// The last step of every variant: the summed updates and what was kept become the next table.
#include "core/matrix.hpp"
#include "kernels/aggregate/aggregate.hpp"

namespace fedfuse::aggregate {

// InputError: an update is not a number, or too large for fixed point
[[noreturn]] void throw_misfit();

// C' = keep C + S / W, with keep summed in fixed point as well. sums: M x d, S. row_weight: M, W_i
// of the rule by counts; empty for the other one.
void finish(const Problem& problem, const FixedPoint& fixed, const Array<std::int64_t>& sums,
            std::span<const std::int64_t> row_weight, double* next);
// The same for float sums that were weighted by alpha already.
void finish_float(const Problem& problem, const Array<float>& sums,
                  std::span<const std::int64_t> row_weight, double* next);

}  // namespace fedfuse::aggregate
