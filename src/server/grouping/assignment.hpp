#pragma once
// The assignment problem by shortest augmenting paths with potentials (Kuhn 1955; Jonker, Volgenant
// 1987), O(n^3), in integers: ties are decided by the order of rows and columns alone.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"

namespace fedfuse::grouping {

// gain: n x n. Returns the permutation c that maximises sum_i gain(i, c[i]).
[[nodiscard]] std::vector<std::int32_t> best_assignment(const Matrix<std::int64_t>& gain);

}  // namespace fedfuse::grouping
