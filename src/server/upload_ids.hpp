#pragma once
// What the numbers of the rows in an upload tell (models.md section 11). The rows that are sent
// beside the touched ones are zeros: they change no sum.
#include <cstdint>
#include <string>
#include <vector>

#include "core/config.hpp"

namespace fedfuse {

// The items that a client (id: of the whole data set) adds with --upload-ids padded: ascending, the
// same in every round, because what changes from round to round is removed by intersection.
[[nodiscard]] std::vector<std::int32_t> padding_of(const Config& config, std::int64_t id,
                                                   std::int64_t items);

// Rows that an upload names, at most, where a client touched so many.
[[nodiscard]] double rows_sent(const Config& config, double touched, std::int64_t items);

// The note rated_items_visible: whether a server that follows the protocol learns the rated items.
[[nodiscard]] std::string visible_items(const Config& config);

}  // namespace fedfuse
