#include "model/spec.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

void check_fit(const ModelSpec& m) {
  if (m.head.kind != HeadKind::neumf) return;
  if (m.has_teacher)
    throw InputError(
        "--head neumf with GFMFR",
        "the group's last layer must be d wide to read the fused items (models.md section 3)",
        "use --head mlp or linear");
  if (m.backbone.personal_rows)
    throw InputError(cat("--head neumf with ", m.backbone.name), "personal rows are d wide",
                     "use --head mlp or linear");
}

}  // namespace

ModelSpec resolve(const Config& config) {
  ModelSpec m;
  m.backbone = find_backbone(config.backbone);
  m.fusion = find_fusion(config.fusion);
  m.d = int(config.dim);
  m.has_teacher = m.fusion.teacher == TeacherKind::group;
  const auto default_head = m.has_teacher ? m.backbone.head_with_teacher : m.backbone.head;
  m.head = head_layout(config.head == "auto" ? default_head : find_head(config.head), m.d);
  check_fit(m);
  // FedRAP's private head is the linear one; its mlp head is shared (models.md section 2).
  const bool mlp_of_shared_table =
      m.backbone.shares_head_with_teacher && m.head.kind != HeadKind::linear;
  m.shares_head =
      config.head_sharing == "backbone" && (m.backbone.shares_head || mlp_of_shared_table);
  m.rows_trained = m.fusion.views == ViewsKind::table;
  m.views = m.fusion.views == ViewsKind::multiview ? int(config.views.size()) : 1;
  m.has_router = m.views > 1;
  m.router = m.has_router ? router_layout(m.views, m.d) : RouterLayout{};
  m.view_width = m.rows_trained ? m.head.item_width : m.d;
  return m;
}

}  // namespace fedfuse
