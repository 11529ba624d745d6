#include "model/backbones.hpp"

#include <array>

#include "core/choice.hpp"

namespace fedfuse {
namespace {
using enum HeadKind;
// name, head, head with GFMFR, shares head, ... with GFMFR, personal rows, tuned rows, weight by
// samples
constexpr std::array<Backbone, 5> table{{
    {"fedavg", linear, linear, true, true, false, false, true},
    {"fcf", linear, linear, false, false, false, false, false},
    {"fedncf", neumf, mlp, true, true, false, false, false},
    {"pfedrec", linear, linear, false, false, false, true, false},
    {"fedrap", linear, mlp, false, true, true, false, false},
}};
}  // namespace

std::span<const Backbone> backbones() { return table; }

std::vector<std::string> backbone_names() {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

const Backbone& find_backbone(std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return row;
  throw unknown_choice("--backbone", name, backbone_names());
}

}  // namespace fedfuse
