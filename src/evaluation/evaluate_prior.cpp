#include "evaluation/evaluate_prior.hpp"

namespace fedfuse {

// A model whose own part is 0: a narrow table and one shared head.
Evaluation evaluate_prior(const GlobalModel& global, const ClientState& state, const Dataset& data,
                          const EvaluationProtocol& protocol, const Comm& comm,
                          const Kernels& kernels, const Stop& stop) {
  constexpr int narrow = 4;
  ModelSpec spec;
  spec.head = head_layout(HeadKind::linear, narrow);
  spec.d = spec.view_width = narrow;
  spec.shares_head = true;
  spec.prior_groups = global.prior.cols;
  spec.prior_in_score = true;
  GlobalModel alone;
  alone.views.emplace_back(data.items, narrow);
  alone.theta.resize(std::size_t(spec.head.theta));
  alone.prior = global.prior;
  ClientState clients;
  clients.shares = state.shares;
  return evaluate(spec, alone, clients, data, protocol, comm, nullptr, kernels, stop);
}

}  // namespace fedfuse
