#include "model/fusions.hpp"

#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

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

const std::string& fusion_names() {
  static const std::string names = [] {
    std::string list;
    for (const auto& row : table) list += cat(list.empty() ? "" : "|", row.name);
    return list;
  }();
  return names;
}

const Fusion& find_fusion(std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return row;
  throw InputError(cat("unknown fusion \"", name, "\""), "the table of fusions has no such row",
                   cat("use one of ", fusion_names()));
}

}  // namespace fedfuse
