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

// The weights of the views on a client. frozen: the router keeps its random start. uniform: each
// view counts the same.
enum class RouterWeights { learned, frozen, uniform };
template <>
inline constexpr auto choice_names<RouterWeights> =
    std::array{Named{RouterWeights::learned, "learned"}, Named{RouterWeights::frozen, "frozen"},
               Named{RouterWeights::uniform, "uniform"}};

// Whether views have the branch of the ID table. off: D = 0 in every round.
enum class IdEmbedding { on, off };
template <>
inline constexpr auto choice_names<IdEmbedding> =
    std::array{Named{IdEmbedding::on, "on"}, Named{IdEmbedding::off, "off"}};

// What follows the encoder of a branch.
enum class ViewNorm { layer, none };
template <>
inline constexpr auto choice_names<ViewNorm> =
    std::array{Named{ViewNorm::layer, "layer"}, Named{ViewNorm::none, "none"}};

struct FedvlrOptions {
  std::vector<View> views = {View::sum, View::mlp, View::gate};
  ViewNorm norm = ViewNorm::layer;
  RouterWeights router = RouterWeights::learned;
  IdEmbedding id_embedding = IdEmbedding::on;
  // of the operators and the ID table
  double lr = 3e-3;
  OptimizerKind optimizer = OptimizerKind::adam;
  bool operator==(const FedvlrOptions&) const = default;
};
void validate(const FedvlrOptions& options);  // InputError

}  // namespace fedfuse
