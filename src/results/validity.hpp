#pragma once
// The gate: may the numbers of a record be read as a result?
#include <string>

#include "results/record.hpp"

namespace fedfuse {

// Empty, or in words why not: rounds are missing, clients were lost, a loss or a metric is not a
// number or impossible.
[[nodiscard]] std::string why_invalid(const RunRecord& record);
// Nothing may be concluded from a run that ended like this.
[[nodiscard]] inline bool is_invalid(RunStatus status) {
  return status == RunStatus::invalid || status == RunStatus::failed;
}

}  // namespace fedfuse
