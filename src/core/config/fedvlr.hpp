#pragma once
// The options of FedVLR and their choices (models.md, section 4).
#include <vector>

#include "core/choice.hpp"
#include "core/config/optimizer.hpp"

namespace fedfuse {

// Item views that the server sends.
enum class View { sum, mlp, gate };
template <>
inline constexpr auto choice_names<View> =
    std::array{Named{View::sum, "sum"}, Named{View::mlp, "mlp"}, Named{View::gate, "gate"}};

struct FedvlrOptions {
  std::vector<View> views = {View::sum, View::mlp, View::gate};
  // of the operators and the ID table
  double lr = 3e-3;
  OptimizerKind optimizer = OptimizerKind::adam;
  bool operator==(const FedvlrOptions&) const = default;
};
void validate(const FedvlrOptions& options);  // InputError

}  // namespace fedfuse
