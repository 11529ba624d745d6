#pragma once
// A run into its result file and the JSON twin.
#include <string>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "results/record.hpp"

namespace fedfuse {

// Collective. Writes path.partial beside path, flushes, fsyncs, renames; then the JSON twin (path
// with .json) in the same way.
void write_result(const std::string& path, const RunRecord& record, const ModelSpec& spec,
                  const GlobalModel& global, const ClientState& state, const Dataset& data,
                  const Comm& comm);

}  // namespace fedfuse
