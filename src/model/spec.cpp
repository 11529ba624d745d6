#include "model/spec.hpp"

#include <algorithm>

#include "core/cutoffs.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

// "a or b": the heads that meet the condition.
template <class Condition>
std::string heads_that(const Condition& condition) {
  std::string list;
  for (const auto kind : all_heads())
    if (condition(head_layout(kind, 64))) list += cat(list.empty() ? "" : " or ", name_of(kind));
  return list;
}

void check_fit(const ModelSpec& m) {
  const auto last_layer_fits = [](const HeadLayout& h) { return h.last_width == h.d; };
  const auto rows_fit = [](const HeadLayout& h) { return h.item_width == h.d; };
  if (m.has_teacher && !last_layer_fits(m.head))
    throw InputError(
        cat("--head ", name_of(m.head.kind), " with GFMFR"),
        "the group's last layer must be d wide to read the fused items (models.md section 3)",
        cat("use --head ", heads_that(last_layer_fits)));
  if (m.backbone.personal_rows && !rows_fit(m.head))
    throw InputError(cat("--head ", name_of(m.head.kind), " with ", m.backbone.name),
                     "personal rows are d wide", cat("use --head ", heads_that(rows_fit)));
}

// InputError: more groups than clients that can fill them. GFMFR clusters the participants of a
// round; the prior's groups stand beyond it.
void check_groups(const Config& c, std::int64_t clients) {
  const auto teacher = find_fusion(c.model.fusion).teacher;
  const auto participants = participants_of_round(c.federation, clients);
  const auto groups = most_groups(c.gfmfr);
  if (teacher == TeacherKind::group && groups > participants)
    throw InputError(cat("--groups ", groups),
                     cat("only ", participants, " clients take part in a round"),
                     "use fewer groups or a larger --fraction");
  if (teacher != TeacherKind::prior) return;
  if (c.prior.groups > clients)
    throw InputError(cat("--prior-groups ", c.prior.groups),
                     cat("there are only ", clients, " clients"), "use fewer groups");
  if (c.prior.least_mass > double(participants))
    throw InputError(
        cat("--prior-least-mass ", c.prior.least_mass),
        cat("only ", participants, " clients take part in a round: no group can be taught"),
        "use a smaller mass or a larger --fraction");
}

// InputError: --async cannot have its K uploads, or C clients.
void check_flight(const Config& c, std::int64_t clients) {
  if (!is_buffered(c.participation)) return;
  const auto places = clients_in_flight(c, clients);
  if (places > clients)
    throw InputError(cat("--concurrency ", places), cat("there are only ", clients, " clients"),
                     "give a smaller one");
  if (c.participation.async > places)
    throw InputError(cat("--async ", c.participation.async),
                     cat("only ", places, " clients are in flight"),
                     "give a smaller one, or a larger --concurrency or --fraction");
}

// InputError: an ablation that nothing of the model would notice.
void check_ablations(const Config& c, const ModelSpec& m) {
  const auto has_views = m.fusion.views != ViewsKind::table;
  const auto fusion = cat(" with --fusion ", m.fusion.name);
  if (c.fedvlr.router != RouterWeights::learned && m.views < 2)
    throw InputError(cat("--router ", text_of(c.fedvlr.router), fusion),
                     "there is no router without several item views", "use --fusion fedvlr");
  if (c.fedvlr.id_embedding == IdEmbedding::off && !has_views)
    throw InputError(cat("--id-embedding off", fusion),
                     "clients train the item table itself: nothing would be left",
                     "use --fusion mlp or fedvlr");
  if (c.features == FeatureOptions{} || has_views || m.fusion.teacher != TeacherKind::none) return;
  throw InputError(cat("--modalities, --lose-features, --missing-as or --feature-noise", fusion),
                   "nothing reads the features of the items", "use another --fusion");
}

}  // namespace

bool changes_uploads(const Config& config) {
  const auto& privacy = config.privacy;
  return privacy.clip > 0 || privacy.upload_noise != UploadNoise::none ||
         config.attack.kind != Attack::none || config.attack.defence != Defence::none ||
         config.federation.sampling == Sampling::poisson;
}

bool adds_prior(const Config& config) {
  return find_fusion(config.model.fusion).teacher == TeacherKind::prior &&
         config.prior.use == PriorUse::prior;
}

ModelSpec resolve(const Config& config) {
  ModelSpec m;
  m.backbone = find_backbone(config.model.backbone);
  m.fusion = find_fusion(config.model.fusion);
  m.d = int(config.model.dim);
  m.has_teacher = m.fusion.teacher == TeacherKind::group;
  m.group_scores = m.has_teacher && config.gfmfr.teacher.solver == TeacherSolver::closed;
  m.most_groups = m.has_teacher ? most_groups(config.gfmfr) : 0;
  if (m.fusion.teacher == TeacherKind::prior) {
    m.prior_groups = config.prior.groups;
    m.prior_in_score = adds_prior(config);
  }
  m.has_base = m.backbone.personal_rows && config.model.personal_init_std > 0;
  const auto default_head = m.has_teacher ? m.backbone.head_with_teacher : m.backbone.head;
  m.head = head_layout(config.model.head.value_or(default_head), m.d);
  check_fit(m);
  // FedRAP's private head is the linear one; other heads are shared (models.md section 2).
  const bool shares_other_head =
      m.backbone.shares_head_with_teacher && m.head.kind != m.backbone.head;
  m.shares_head = config.model.head_sharing == HeadSharing::backbone &&
                  (m.backbone.shares_head || shares_other_head);
  m.bounds_uploads = config.privacy.clip > 0;
  m.head_as_change = m.shares_head && changes_uploads(config);
  m.rows_trained = m.fusion.views == ViewsKind::table;
  m.counts_rows = m.rows_trained && config.federation.item_update == ItemUpdate::counts;
  m.views = m.fusion.views == ViewsKind::multiview ? int(config.fedvlr.views.size()) : 1;
  m.has_router = m.views > 1;
  m.router = m.has_router ? router_layout(m.views, m.d) : RouterLayout{};
  m.view_width = m.rows_trained ? m.head.item_width : m.d;
  check_ablations(config, m);
  return m;
}

void validate_against_data(const Config& c, std::int64_t clients, std::int64_t items, int ranks) {
  if (ranks > clients)
    throw InputError(cat(ranks, " ranks for ", clients, " clients"),
                     "a rank needs at least one client", cat("start at most ", clients, " ranks"));
  check_groups(c, clients);
  check_flight(c, clients);
  constexpr std::int64_t largest_cutoff = cutoffs.back();
  if (items < largest_cutoff)
    throw InputError(cat("a data set of ", items, " items"),
                     cat("the metrics look at the first ", largest_cutoff, " items"),
                     cat("use a data set of at least ", largest_cutoff, " items"));
  if (c.evaluation.candidates.number >= items)
    throw InputError(cat("--candidates ", text_of(c.evaluation.candidates)),
                     cat("there are only ", items, " items"), "sample fewer");
  if (c.evaluation.clients > clients)
    throw InputError(cat("--eval-clients ", c.evaluation.clients),
                     cat("there are only ", clients, " clients"), "use 0 for all");
}

}  // namespace fedfuse
