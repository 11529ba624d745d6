#pragma once
// Evaluation (models.md section 5): every client ranks all items with the head and rows that it
// would use. R5: a rank is a count. R2: with a shared head its user half and item half are computed
// once.
#include <memory>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "core/gpu/device.hpp"
#include "core/stop.hpp"
#include "data/dataset.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/protocol.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"

namespace fedfuse {

// Of the trained model. device: where clients rank if its kernels serve the model, else they rank
// on the host; null: on the host. Collective. Stopped, on all ranks, once stop asks on one of them
// between two batches of clients.
[[nodiscard]] Evaluation evaluate(const ModelSpec& spec, const GlobalModel& global,
                                  const ClientState& state, const Dataset& data,
                                  const EvaluationProtocol& protocol, const Comm& comm,
                                  const std::shared_ptr<gpu::Device>& device = nullptr,
                                  const Kernels& kernels = {}, const Stop& stop = {});
// The ranks alone, for metrics at other cutoffs. Collective.
[[nodiscard]] LocalRanks evaluate_ranks(const ModelSpec& spec, const GlobalModel& global,
                                        const ClientState& state, const Dataset& data,
                                        const EvaluationProtocol& protocol, const Comm& comm,
                                        const std::shared_ptr<gpu::Device>& device = nullptr,
                                        const Kernels& kernels = {}, const Stop& stop = {});

}  // namespace fedfuse
