#include "model/backbones.hpp"

#include <array>

#include "core/choice.hpp"

namespace fedfuse {
namespace {
using enum HeadKind;
constexpr std::array<Backbone, 5> table{{
    {.name = "fedavg",
     .head = linear,
     .head_with_teacher = linear,
     .shares_head = true,
     .shares_head_with_teacher = true,
     .personal_rows = false,
     .keeps_tuned_rows = false,
     .weighs_by_samples = true},
    {.name = "fcf",
     .head = linear,
     .head_with_teacher = linear,
     .shares_head = false,
     .shares_head_with_teacher = false,
     .personal_rows = false,
     .keeps_tuned_rows = false,
     .weighs_by_samples = false},
    {.name = "fedncf",
     .head = neumf,
     .head_with_teacher = mlp,
     .shares_head = true,
     .shares_head_with_teacher = true,
     .personal_rows = false,
     .keeps_tuned_rows = false,
     .weighs_by_samples = false},
    {.name = "pfedrec",
     .head = linear,
     .head_with_teacher = linear,
     .shares_head = false,
     .shares_head_with_teacher = false,
     .personal_rows = false,
     .keeps_tuned_rows = true,
     .weighs_by_samples = false},
    {.name = "fedrap",
     .head = linear,
     .head_with_teacher = mlp,
     .shares_head = false,
     .shares_head_with_teacher = true,
     .personal_rows = true,
     .keeps_tuned_rows = false,
     .weighs_by_samples = false},
}};
}  // namespace

std::span<const Backbone> backbones() { return table; }

std::vector<std::string> backbone_names() { return names_of_rows(table); }

const Backbone& find_backbone(std::string_view name) {
  const auto* row = find_row(table, name);
  if (row == nullptr) throw unknown_choice("--backbone", name, backbone_names());
  return *row;
}

}  // namespace fedfuse
