#pragma once
// Clients by how much they have to learn from: by their training interactions, in powers of two.
#include <array>
#include <cstdint>
#include <vector>

#include "data/dataset.hpp"

namespace fedfuse {

// The most training interactions of each group but the last, which has no bound.
inline constexpr std::array<std::int64_t, 5> activity_bounds{4, 8, 16, 32, 64};
inline constexpr std::int32_t activity_groups = std::int32_t(activity_bounds.size()) + 1;

// The group of each client of this rank.
[[nodiscard]] std::vector<std::int32_t> activity_of(const Dataset& data);

}  // namespace fedfuse
