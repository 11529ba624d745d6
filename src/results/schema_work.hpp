#pragma once
// The part of the schema for what each rank did (schema.hpp).
#include <vector>

#include "results/schema.hpp"

namespace fedfuse {

[[nodiscard]] std::vector<Field> work_fields();

}  // namespace fedfuse
