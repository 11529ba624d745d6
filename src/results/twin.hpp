#pragma once
// The JSON twin of a result file: its small parts, for readers without HDF5.
#include <string>

#include "data/dataset.hpp"
#include "results/record.hpp"

namespace fedfuse {

[[nodiscard]] std::string twin_text(const RunRecord& record, const std::string& provenance,
                                    const Dataset& data);

}  // namespace fedfuse
