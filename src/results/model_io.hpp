#pragma once
// The model of a run in its result file.
#include <cstdint>
#include <string>
#include <vector>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/h5.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "results/record.hpp"
#include "results/result_file.hpp"

namespace fedfuse {

// /model, and /groups' arrays. Collective.
void write_model(ResultSink& sink, const RunRecord& record, const ModelSpec& spec,
                 const GlobalModel& global, const ClientState& state, const Dataset& data);
// Collective. InputError on all ranks as of ModelFile.
[[nodiscard]] StoredModel read_model(const h5::File& file, const Config& config,
                                     const Dataset& data, const Comm& comm);
// Names of the item matrices in /model, in order of the views.
[[nodiscard]] std::vector<std::string> item_matrix_names(const ModelSpec& spec,
                                                         const Config& config);
// Bytes of all arrays, over all ranks: what the disk must hold. Collective.
[[nodiscard]] std::int64_t result_bytes(const RunRecord& record, const GlobalModel& global,
                                        const ClientState& state, const Comm& comm);

}  // namespace fedfuse
