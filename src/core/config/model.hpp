#pragma once
// The options of the model and their choices (models.md, sections 1 and 2).
#include <cstdint>
#include <optional>
#include <string>

#include "core/choice.hpp"

namespace fedfuse {

enum class HeadKind { linear, mlp, neumf };
template <>
inline constexpr auto choice_names<HeadKind> =
    std::array{Named{HeadKind::linear, "linear"}, Named{HeadKind::mlp, "mlp"},
               Named{HeadKind::neumf, "neumf"}};

// never: the head stays on the client, also where the backbone shares it.
enum class HeadSharing { backbone, never };
template <>
inline constexpr auto choice_names<HeadSharing> =
    std::array{Named{HeadSharing::backbone, "backbone"}, Named{HeadSharing::never, "never"}};

struct ModelOptions {
  std::string backbone = "fcf";            // a row of model/backbones.cpp
  std::string fusion = "none";             // a row of model/fusions.cpp
  std::optional<HeadKind> head;            // empty: that of the backbone
  std::int64_t dim = 64;                   // d
  double init_std = 0.01;                  // of the shared table
  double personal_init_std = 0.0;          // fedrap: > 0 starts from one common random table
  double rap_alpha = 0.1, rap_beta = 0.1;  // FedRAP's alpha, beta (base values)
  HeadSharing head_sharing = HeadSharing::backbone;
  bool operator==(const ModelOptions&) const = default;
};
// InputError. Backbone, fusion, head and what they allow of each other are checked by resolve()
// (model/spec.hpp).
void validate(const ModelOptions& options);

}  // namespace fedfuse
