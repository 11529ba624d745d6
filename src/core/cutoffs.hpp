#pragma once
// K of HR@K and NDCG@K (models.md section 5) in every result.
#include <array>

namespace fedfuse {

inline constexpr std::array<int, 3> cutoffs{10, 20, 50};

}  // namespace fedfuse
