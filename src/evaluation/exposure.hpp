#pragma once
// The exposure rate ER@K of an attacked item (models.md section 12): the share of honest clients
// without the item in their training set who have it among their first K. The ranks are those of
// evaluate.hpp, with the item as everybody's held-out item.
#include <array>

#include "core/config.hpp"
#include "evaluation/evaluate.hpp"

namespace fedfuse {

class Exposure {
 public:
  Exposure(const Config& config, const Dataset& data);
  // At `cutoffs`; NaN where nobody is left. Collective.
  [[nodiscard]] std::array<double, cutoffs.size()> rates(const ModelSpec& spec,
                                                         const GlobalModel& global,
                                                         const ClientState& state,
                                                         const EvaluationProtocol& protocol,
                                                         const Comm& comm) const;

 private:
  Dataset data_;  // without features
};

}  // namespace fedfuse
