#pragma once
// A fusion is two roles: what item rows clients see (ItemViews) and what soft labels they get
// (Teacher).
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedfuse {

enum class ViewsKind { table, mlp, multiview };
// group: GFMFR's. prior: the group prior, of sums of interactions (models.md section 9).
enum class TeacherKind { none, group, prior };

struct Fusion {
  std::string_view name;
  // table: trained on the client; mlp, multiview: fixed in the round, gradients come back
  ViewsKind views;
  TeacherKind teacher;
};

[[nodiscard]] std::span<const Fusion> fusions();
[[nodiscard]] std::vector<std::string> fusion_names();
[[nodiscard]] const Fusion& find_fusion(std::string_view name);  // InputError when unknown

}  // namespace fedfuse
