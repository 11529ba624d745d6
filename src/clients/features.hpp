#pragma once
// Whether a data set has the features that a fusion uses.
#include <string>

#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

// Whether at least one item has text or image features.
[[nodiscard]] bool has_features(const Dataset& data);

// One line for the user, or empty: the fusion uses features and no item has any. Such a run is
// possible: the branches of the modalities contribute their bias only.
[[nodiscard]] std::string features_warning(const ModelSpec& spec, const Dataset& data);

}  // namespace fedfuse
