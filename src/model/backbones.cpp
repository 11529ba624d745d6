#include "model/backbones.hpp"

#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

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

const std::string& backbone_names() {
  static const std::string names = [] {
    std::string list;
    for (const auto& row : table) list += cat(list.empty() ? "" : "|", row.name);
    return list;
  }();
  return names;
}

const Backbone& find_backbone(std::string_view name) {
  for (const auto& row : table)
    if (row.name == name) return row;
  throw InputError(cat("unknown backbone \"", name, "\""), "the table of backbones has no such row",
                   cat("use one of ", backbone_names()));
}

}  // namespace fedfuse
