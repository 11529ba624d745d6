#pragma once
// The quality of the group prior alone: what its teacher knows before any client learns.
#include "evaluation/evaluate.hpp"

namespace fedfuse {

// Every client ranks by sum_l a_ul L_l[i]. Collective. Stopped as evaluate().
[[nodiscard]] Evaluation evaluate_prior(const GlobalModel& global, const ClientState& state,
                                        const Dataset& data, const EvaluationProtocol& protocol,
                                        const Comm& comm, const Kernels& kernels = {},
                                        const Stop& stop = {});

}  // namespace fedfuse
