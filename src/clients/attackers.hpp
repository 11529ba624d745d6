#pragma once
// Who attacks, and what (models.md section 12): pure functions of the seed and the data.
#include <cstdint>

#include "core/config.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// Each client by itself with probability --attack-share, the same in all rounds. id: of the whole
// data set.
[[nodiscard]] bool is_attacker(const Config& config, std::int64_t id);

// The item of boost-item: --attack-item, or of the items with interactions the rarest, of these the
// first. InputError: no such item.
[[nodiscard]] std::int32_t attacked_item(const Config& config, const Dataset& data);

}  // namespace fedfuse
