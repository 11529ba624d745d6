#include "model/fusions.hpp"

#include <array>

#include "core/choice.hpp"

namespace fedfuse {
namespace {
constexpr std::array<Fusion, 9> table{{
    {"none", ViewsKind::table, TeacherKind::none},
    {"mlp", ViewsKind::mlp, TeacherKind::none},
    {"gfmfr", ViewsKind::table, TeacherKind::group},
    {"fedvlr", ViewsKind::multiview, TeacherKind::none},
    {"fedvlr+gfmfr", ViewsKind::multiview, TeacherKind::group},
    {"mlp+gfmfr", ViewsKind::mlp, TeacherKind::group},
    {"group-prior", ViewsKind::table, TeacherKind::prior},
    {"mlp+group-prior", ViewsKind::mlp, TeacherKind::prior},
    {"fedvlr+group-prior", ViewsKind::multiview, TeacherKind::prior},
}};
}  // namespace

std::span<const Fusion> fusions() { return table; }

std::vector<std::string> fusion_names() { return names_of_rows(table); }

const Fusion& find_fusion(std::string_view name) {
  const auto* row = find_row(table, name);
  if (row == nullptr) throw unknown_choice("--fusion", name, fusion_names());
  return *row;
}

}  // namespace fedfuse
