#include "privacy/refusals.hpp"

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "model/spec.hpp"

namespace fedfuse {
namespace {

struct Refusal {
  bool holds;
  std::string problem, why, what_to_do;
};

// Of runs with or without noise.
std::vector<Refusal> of_every_run(const Config& c, const ModelSpec& spec) {
  const auto& o = c.privacy;
  const bool poisson = c.federation.sampling == Sampling::poisson;
  const bool on_device = c.device.kind && *c.device.kind != DeviceKind::cpu;
  const auto fusion = cat("--fusion ", c.model.fusion);
  const bool grouped = spec.has_teacher || spec.has_prior();
  return {
      {on_device && (changes_uploads(c) || o.probe_clients > 0),
       cat("--device ", text_of(c.device.kind),
           " with --clip, --sampling poisson, --upload-noise, --attack, --defence or "
           "--probe-clients"),
       "uploads are looked at and changed on the processor only", "use --device cpu"},
      {poisson && changes_participants(c.participation),
       "--sampling poisson with --availability, --over-select, --deadline, --dropout or --async",
       "means are over the number that the sampling expects, and another number comes",
       "use --sampling fixed"},
      {o.probe_clients > 0 && changes_participants(c.participation),
       "--probe-clients with --availability, --over-select, --deadline, --dropout or --async",
       "the probe makes the participants of earlier rounds again, which the simulated clock chose",
       "leave one of them out"},
      {poisson && grouped, cat("--sampling poisson with ", fusion),
       "a round may have fewer participants than groups, or none", "use --sampling fixed"},
      {!adds_noise(o) && o.delta > 0, cat("--delta ", o.delta),
       "without noise there is no epsilon that it belongs to",
       "give --noise-multiplier or --epsilon too"},
      {!adds_noise(o) && o.adjacency.has_value(), cat("--adjacency ", text_of(o.adjacency)),
       "without noise there is no epsilon that it belongs to",
       "give --noise-multiplier or --epsilon too"},
  };
}

// The papers' noise, which is an experiment.
std::vector<Refusal> of_upload_noise(const Config& c, const ModelSpec& spec) {
  const auto noise = cat("--upload-noise ", c.privacy.upload_noise);
  return {
      {adds_noise(c.privacy), cat(noise, " with --noise-multiplier or --epsilon"),
       "noise after the clip lets an upload exceed the bound that the theorem needs",
       "use one of the two"},
      {spec.has_teacher || spec.has_prior(), cat(noise, " with --fusion ", c.model.fusion),
       "heads and sums of its groups reach the server without this noise",
       "use --fusion none, mlp or fedvlr"},
      {c.privacy.upload_ids != UploadIds::touched,
       cat(noise, " with --upload-ids ", c.privacy.upload_ids),
       "the rows that are sent beside the touched ones would have to get it, too",
       "use --upload-ids touched"},
  };
}

std::vector<Refusal> of_attacks(const Config& c, const ModelSpec& spec) {
  const bool robust = c.attack.defence != Defence::none;
  const auto defence = cat("--defence ", c.attack.defence);
  return {
      {c.attack.kind == Attack::boost_item && spec.has_overlay(),
       cat("--attack boost-item with --backbone ", c.model.backbone),
       "an attacker sends one row, and this backbone keeps the rows that are sent",
       "use --backbone fedavg, fcf or fedncf"},
      {robust && spec.backbone.weighs_by_samples,
       cat(defence, " with --backbone ", c.model.backbone),
       "an order statistic counts clients alike", "use a backbone that counts clients alike"},
      {robust && spec.has_teacher, cat(defence, " with --fusion ", c.model.fusion),
       "the groups' sums are not combined by it", "use --fusion none, mlp or fedvlr"},
      {robust && adds_noise(c.privacy), cat(defence, " with noise"),
       "an order statistic of rows is no sum whose sensitivity --clip bounds",
       "use --defence none"},
  };
}

// How participants are drawn decides which neighbours a theorem speaks of.
std::vector<Refusal> of_sampling(const Config& c) {
  const auto& o = c.privacy;
  const bool poisson = c.federation.sampling == Sampling::poisson;
  return {
      {changes_participants(c.participation),
       "noise with --availability, --over-select, --deadline, --dropout or --async",
       "who takes part then depends on more than the sampling that the theorem speaks of",
       "leave them out, or --noise-multiplier and --epsilon"},
      {!poisson && o.adjacency == Adjacency::add_or_remove_one,
       "--adjacency add-or-remove-one with --sampling fixed",
       "a fixed number is drawn: one client more changes who else takes part, so the formula of "
       "Poisson sampling does not hold",
       "use --sampling poisson, or --adjacency replace-one"},
      {poisson && o.adjacency == Adjacency::replace_one,
       "--adjacency replace-one with --sampling poisson", "the accountant has no bound for it",
       "use --adjacency add-or-remove-one"},
  };
}

// What would reach the server, or the model, beside the sums that get noise.
std::vector<Refusal> of_noise(const Config& c, const ModelSpec& spec) {
  const auto& f = c.federation;
  const std::string noise = c.privacy.noise_multiplier > 0 ? "--noise-multiplier" : "--epsilon";
  const auto with = [&](const std::string& other) { return cat(noise, " with ", other); };
  return {
      {c.privacy.clip == 0, cat(noise, " without --clip"),
       "without a bound on what a client can send, no noise hides it",
       "give --clip C; a run with --clip 512 records the norms of uploads"},
      {spec.backbone.weighs_by_samples, with(cat("--backbone ", c.model.backbone)),
       "it weighs clients by their interactions, so one client's part in the sum has no bound",
       "use a backbone that counts clients alike"},
      {f.weight_decay > 0, with(cat("--weight-decay ", f.weight_decay)),
       "what it leaves of untouched rows tells how many interactions a client has",
       "use --weight-decay 0"},
      {c.gfmfr.distillation.balance, with("--distill-balance"),
       "it steers the clients by their exact losses", "leave --distill-balance out"},
      {f.negatives == Negatives::trained_items, with("--negatives trained-items"),
       "which items occur in training sets is data of all clients, used without noise",
       "use --negatives own-train"},
      {spec.has_teacher && c.gfmfr.group_by == GroupBy::prediction,
       with(cat("--fusion ", c.model.fusion)), "grouping reads the heads of clients one by one",
       "use --fusion none, mlp or fedvlr"},
      {spec.has_teacher, with(cat("--fusion ", c.model.fusion)),
       "the sums of its groups get no noise", "use --fusion none, mlp or fedvlr"},
      {spec.has_prior(), with(cat("--fusion ", c.model.fusion)),
       "the group prior's sums of interactions get no noise", "use --fusion none, mlp or fedvlr"},
      {spec.counts_rows, with("--item-update counts"),
       "the server would divide by the exact number of clients that touched a row",
       "use --item-update mean"},
  };
}

// Steps of uploads that started from older models (models.md, section 13).
std::vector<Refusal> of_buffered_steps(const Config& c, const ModelSpec& spec) {
  const auto with = [&](const std::string& other) {
    return cat("--async ", c.participation.async, " with ", other);
  };
  const bool on_device = c.device.kind && *c.device.kind != DeviceKind::cpu;
  return {
      {on_device, with(cat("--device ", text_of(c.device.kind))),
       "a device trains all clients of a step from one model", "use --device cpu"},
      {spec.has_teacher, with(cat("--fusion ", c.model.fusion)),
       "clients of one step would be in groups, and have soft labels, of different steps",
       "use --fusion none, mlp or fedvlr"},
      {spec.has_prior(), with(cat("--fusion ", c.model.fusion)),
       "a client's shares of the groups follow the newest prior, not the one that it started from",
       "use --fusion none, mlp or fedvlr"},
      {c.secure.sum != SecureSumKind::none, with(cat("--secure-sum ", c.secure.sum)),
       "clients that share masks must be known before they train, and uploads of a step are those "
       "that come first",
       "leave one of them out"},
      {c.attack.defence != Defence::none, with(cat("--defence ", c.attack.defence)),
       "an order statistic has no weights of staleness", "use --defence none"},
  };
}

// Masks hide what these read, or what these send is in no sum that masks protect.
std::vector<Refusal> of_secure_sum(const Config& c, const ModelSpec& spec) {
  const auto with = [&](const std::string& other) {
    return cat("--secure-sum ", c.secure.sum, " with ", other);
  };
  const bool on_device = c.device.kind && *c.device.kind != DeviceKind::cpu;
  return {
      {on_device, with(cat("--device ", text_of(c.device.kind))),
       "masks are added to the uploads that the processor makes", "use --device cpu"},
      {c.attack.defence != Defence::none, with(cat("--defence ", c.attack.defence)),
       "an order statistic needs the rows of every client in the clear", "use --defence none"},
      {c.privacy.probe_clients > 0, with("--probe-clients"),
       "the probe reads uploads in the clear, and a secure sum shows none",
       "leave one of them out"},
      {spec.has_teacher || spec.has_prior(), with(cat("--fusion ", c.model.fusion)),
       "its groups read heads or sums beside the one sum that masks protect",
       "use --fusion none, mlp or fedvlr"},
  };
}

void refuse_first(const std::vector<Refusal>& table) {
  for (const auto& row : table)
    if (row.holds) throw InputError(row.problem, row.why, row.what_to_do);
}

}  // namespace

void refuse_what_cannot_hold(const Config& config) {
  const auto spec = resolve(config);
  refuse_first(of_every_run(config, spec));
  if (config.privacy.upload_noise != UploadNoise::none) refuse_first(of_upload_noise(config, spec));
  refuse_first(of_attacks(config, spec));
  if (is_buffered(config.participation)) refuse_first(of_buffered_steps(config, spec));
  if (config.secure.sum != SecureSumKind::none) refuse_first(of_secure_sum(config, spec));
  if (!adds_noise(config.privacy)) return;
  refuse_first(of_sampling(config));
  refuse_first(of_noise(config, spec));
}

}  // namespace fedfuse
