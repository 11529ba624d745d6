#include "results/schema_scenarios.hpp"

#include "core/text.hpp"

namespace fedfuse {

std::vector<Field> privacy_fields() {
  const auto norm = [](const char* which) {
    return cat(which, " over participants of the L2 norm of a whole upload before --clip");
  };
  return {
      {"upload_norm_q10", "1", norm("tenth percentile")},
      {"upload_norm_median", "1", norm("median")},
      {"upload_norm_q90", "1", norm("ninetieth percentile")},
      {"upload_norm_max", "1", norm("largest")},
      {"clipped_share", "1", "share of the participants whose upload was longer than C"},
      {"secure_clients", "clients", "clients that shared masks"},
      {"secure_gone", "clients", "of them, those that did not deliver"},
      {"secure_words", "1", "words of each of them that were masked and compared"},
      {"secure_masks", "1", "masks that the clients added"},
      {"secure_refused", "1",
       "1: a client had fewer partners that delivered than the threshold, and the round stands"},
      {"probe_auc_rows", "1",
       "that a positive row of an upload scores above another along its first principal direction; "
       "mean over --probe-clients"},
      {"probe_precision_rows", "1", "share of positives among as many best rows by that score"},
      {"probe_auc_head", "1", "as probe_auc_rows, along the last layer of the head that is sent"},
      {"probe_precision_ids", "1",
       "share of positives among the rows that all uploads of a client so far have named"},
      {"noise_std", "1", "standard deviation of the noise on a mean: z C / (beta N)"},
      {"epsilon", "1", "spent by the rounds so far at delta, by RDP; see the note epsilon_covers"},
      {"epsilon_order", "1", "the order of RDP that gives it"},
  };
}

std::vector<Field> clock_fields() {
  return {
      {"simulated_s", "s", "simulated seconds of the round, waiting for a client included"},
      {"simulated_total_s", "s", "simulated seconds since the first round began"},
      {"available", "clients", "clients that could be invited"},
      {"invited", "clients", "clients that were invited"},
      {"delivered", "clients", "of the invited, those that came in time and count"},
      {"dropped", "clients", "of the invited, those that trained and did not deliver"},
      {"late", "clients",
       "of the invited, those that others or the deadline came before; --async: uploads that came "
       "and were too stale"},
      {"client_s", "s",
       "simulated seconds of all invited clients together; --async: of the turns that ended"},
      {"wasted_client_s", "s", "of them, those of clients that do not count"},
      {"staleness_mean", "steps",
       "--async: steps since the model that an upload started from, mean over those that count"},
      {"staleness_max", "steps", "--async: the most of them"},
      {"in_flight", "clients", "--async: clients that train when the step is made"},
      {"old_models", "models", "--async: models that are kept for them beside the newest"},
  };
}

std::vector<Field> secure_time_fields() {
  const auto cpu = [](const char* of) { return cat("CPU seconds, all ranks, of ", of); };
  return {
      {"secure_agree_s", "s", cpu("clients that agree on keys with their partners")},
      {"secure_share_s", "s", cpu("clients that split their secrets into shares")},
      {"secure_mask_s", "s", cpu("clients that add masks")},
      {"secure_join_s", "s", cpu("the server, which joins shares")},
      {"secure_unmask_s", "s", cpu("the server, which takes masks off")},
  };
}

}  // namespace fedfuse
