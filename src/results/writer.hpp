#pragma once
// A run into its result file and the JSON twin.
#include <string>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "data/dataset.hpp"
#include "data/output_file.hpp"
#include "model/spec.hpp"
#include "results/record.hpp"

namespace fedfuse {

// Collective. Writes path.partial beside path, flushes, fsyncs, renames; then the JSON twin (path
// with .json) in the same way.
// Existing::keep_beside: a file that stands there stays; then InputError.
void write_result(const std::string& path, const RunRecord& record, const ModelSpec& spec,
                  const GlobalModel& global, const ClientState& state, const Dataset& data,
                  const Comm& comm, Existing existing = Existing::replace);

}  // namespace fedfuse
