#pragma once
// Column standardisation over all participants: (x - mean_j) / sd_j, with constant columns sent to
// 0. With lo_j, hi_j the extremes (exact in any order), c = (lo+hi)/2, h = (hi-lo)/2, t = (x-c)/h
// in [-1, 1]:
//   mean = c + h E[t],  variance = h^2 (E[t^2] - E[t]^2),  sums of t and t^2 in fixed point
//                       (restructuring.md, R7).
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

struct ColumnScale {
  std::vector<double> mean, inverse_sd;  // p each; inverse_sd 0: a constant column
};

// Collective. rows: participants of this rank x p; ids: theirs, for the message. total:
// participants over all ranks. InputError when a value is not finite. Same bits on all ranks, for
// any spread of the rows over ranks and threads.
[[nodiscard]] ColumnScale column_scale(const Matrix<float>& rows, std::span<const std::int32_t> ids,
                                       std::int64_t columns, std::int64_t total, std::int64_t round,
                                       const Comm& comm);

// rows x p -> standardised points.
[[nodiscard]] Points standardise(const Matrix<float>& rows, const ColumnScale& scale);

}  // namespace fedfuse::grouping
