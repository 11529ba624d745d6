#pragma once
// THE table of what has no theorem. A combination of options whose epsilon would be wrong is
// refused, with the reason.
#include <cstdint>

#include "core/config.hpp"

namespace fedfuse {

// InputError: the first row of the table that holds.
void refuse_what_cannot_hold(const Config& config);

}  // namespace fedfuse
