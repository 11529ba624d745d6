// The part of the record that says what a run keeps private.
#include "app/recorder.hpp"
#include "clients/attackers.hpp"
#include "core/text.hpp"
#include "privacy/plan.hpp"
#include "server/upload_ids.hpp"

namespace fedfuse {

void Recorder::start_privacy() {
  const auto texts = privacy_notes(record.config);
  auto& notes = record.notes;
  notes["trust"] = texts.trust;
  notes["rated_items_visible"] = visible_items(record.config);
  notes["epsilon_covers"] = texts.epsilon_covers;
  notes["epsilon_excludes"] = texts.epsilon_excludes;
  const auto& o = record.config.privacy;
  if (o.upload_noise != UploadNoise::none)
    notes["upload_noise"] =
        "an experiment, no differential privacy: the numbers that get it have no bound, and the "
        "rows that were touched are in the clear";
  if (const auto& a = record.config.attack; a.kind != Attack::none)
    notes["attack"] = a.kind == Attack::boost_item
                          ? cat("each client by itself with probability ", a.share, ", item ",
                                attacked_item(record.config, data_))
                          : cat("each client by itself with probability ", a.share);
  if (!adds_noise(o)) return;
  accountant_.emplace(mechanism_of(record.config, data_.clients));
  record.facts["delta"] = o.delta;
  record.facts["noise_multiplier"] = o.noise_multiplier;
}

void Recorder::privacy(std::int64_t round, const RoundReport& report) {
  auto& p = record.privacy;
  p.begin_row();
  if (report.probe) {
    p.set("probe_auc_rows", report.probe->auc_rows);
    p.set("probe_precision_rows", report.probe->precision_rows);
    p.set("probe_auc_head", report.probe->auc_head);
    p.set("probe_precision_ids", report.probe->precision_ids);
  }
  if (record.config.privacy.clip > 0) {
    p.set("upload_norm_q10", report.norms.q10);
    p.set("upload_norm_median", report.norms.median);
    p.set("upload_norm_q90", report.norms.q90);
    p.set("upload_norm_max", report.norms.largest);
    p.set("clipped_share", report.norms.clipped_share);
  }
  if (!accountant_) return;
  const auto& config = record.config;
  const double expected = mechanism_of(config, data_.clients).rate * double(data_.clients);
  p.set("noise_std", config.privacy.noise_multiplier * config.privacy.clip / expected);
  const auto spent = accountant_->after(round, config.privacy.delta);
  p.set("epsilon", spent.epsilon);
  p.set("epsilon_order", spent.order);
}

void Recorder::finish_privacy() {
  const auto rounds = std::int64_t(record.metrics.rows());
  if (accountant_ && rounds > 0)
    record.facts["epsilon"] = accountant_->after(rounds, record.config.privacy.delta).epsilon;
}

}  // namespace fedfuse
