#pragma once
// What moves the server's parameters: the teacher's, and FedVLR's operators.
#include "core/choice.hpp"

namespace fedfuse {

enum class OptimizerKind { adam, sgd };
template <>
inline constexpr auto choice_names<OptimizerKind> =
    std::array{Named{OptimizerKind::adam, "adam"}, Named{OptimizerKind::sgd, "sgd"}};

}  // namespace fedfuse
