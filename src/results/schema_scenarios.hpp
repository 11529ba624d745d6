#pragma once
// The part of the schema for privacy, the secure sum and simulated devices (schema.hpp).
#include <vector>

#include "results/schema.hpp"

namespace fedfuse {

[[nodiscard]] std::vector<Field> privacy_fields();
[[nodiscard]] std::vector<Field> clock_fields();
[[nodiscard]] std::vector<Field> secure_time_fields();  // of /time

}  // namespace fedfuse
