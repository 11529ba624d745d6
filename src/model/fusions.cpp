#include "model/fusions.hpp"

#include <array>

#include "core/choice.hpp"

namespace fedfuse {
namespace {
constexpr std::array<Fusion, 6> table{{
    {"none", ViewsKind::table, TeacherKind::none},
    {"mlp", ViewsKind::mlp, TeacherKind::none},
    {"gfmfr", ViewsKind::table, TeacherKind::group},
    {"fedvlr", ViewsKind::multiview, TeacherKind::none},
    {"fedvlr+gfmfr", ViewsKind::multiview, TeacherKind::group},
    {"mlp+gfmfr", ViewsKind::mlp, TeacherKind::group},
}};
}  // namespace

std::span<const Fusion> fusions() { return table; }

std::vector<std::string> fusion_names() {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

const Fusion& find_fusion(std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return row;
  throw unknown_choice("--fusion", name, fusion_names());
}

}  // namespace fedfuse
