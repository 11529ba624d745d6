#pragma once
// The one list of Config's fields: name (the option is the name with dashes), unit, symbol of
// models.md, and what it is. From it come the options with their help, the TOML and JSON forms, and
// the check for unknown keys.
#include "core/config.hpp"
#include "model/backbones.hpp"
#include "model/fusions.hpp"

namespace fedfuse {

// Named as its heading in --help.
enum class ConfigSection {
  files,
  model,
  federation,
  gfmfr,
  fedvlr,
  evaluation,
  device,
  execution,
  restart
};
template <>
inline constexpr auto choice_names<ConfigSection> = std::array{
    Named{ConfigSection::files, "Files"},           Named{ConfigSection::model, "Model"},
    Named{ConfigSection::federation, "Federation"}, Named{ConfigSection::gfmfr, "GFMFR"},
    Named{ConfigSection::fedvlr, "FedVLR"},         Named{ConfigSection::evaluation, "Evaluation"},
    Named{ConfigSection::device, "Device"},         Named{ConfigSection::execution, "Execution"},
    Named{ConfigSection::restart, "Restart"},
};

struct ConfigField {
  const char* name;
  ConfigSection section;
  const char* symbol;  // in models.md, or ""
  const char* unit;    // or ""
  const char* help;
  // of the rows of a table that the value names; a typed choice has its names in its type
  std::vector<std::string> (*rows)() = nullptr;
};

namespace detail {

template <class Options, class Visit>
void visit_files(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::files;
  visit(ConfigField{"data", s, "", "path", "data set of `fedfuse generate` or `fedfuse import`"},
        o.data);
  visit(ConfigField{"out", s, "", "path", "result file; its JSON twin stands beside it"}, o.out);
  visit(ConfigField{"overwrite", s, "", "", "replace an existing result file"}, o.overwrite);
  visit(ConfigField{"save_every", s, "", "rounds",
                    "write the result file every so many rounds; 0: at the end only"},
        o.save_every);
}

template <class Options, class Visit>
void visit_model(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::model;
  visit(ConfigField{"backbone", s, "", "", "what is shared and what stays on the client",
                    backbone_names},
        o.backbone);
  visit(ConfigField{"fusion", s, "", "", "how text and images enter", fusion_names}, o.fusion);
  visit(ConfigField{"head", s, "", "", "prediction function; auto: the backbone's own"}, o.head);
  visit(ConfigField{"dim", s, "d", "floats", "latent width, a multiple of 4"}, o.dim);
  visit(ConfigField{"init_std", s, "", "1", "standard deviation of the shared table's start"},
        o.init_std);
  visit(ConfigField{"personal_init_std", s, "", "1",
                    "fedrap: standard deviation of the common start of personal rows"},
        o.personal_init_std);
  visit(ConfigField{"rap_alpha", s, "alpha", "1",
                    "fedrap: weight of the distance of personal and shared rows"},
        o.rap_alpha);
  visit(ConfigField{"rap_beta", s, "beta (FedRAP)", "1",
                    "fedrap: weight of the shared rows' L1 norm"},
        o.rap_beta);
  visit(ConfigField{"head_sharing", s, "", "",
                    "never: the head stays on the client whatever the backbone says"},
        o.head_sharing);
}

template <class Options, class Visit>
void visit_federation(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::federation;
  visit(ConfigField{"rounds", s, "R", "rounds", "rounds at most"}, o.rounds);
  visit(ConfigField{"fraction", s, "beta", "1", "share of clients sampled each round"}, o.fraction);
  visit(ConfigField{"seed", s, "", "", "key of all random numbers"}, o.seed);
  visit(ConfigField{"local_epochs", s, "E", "epochs",
                    "passes of a client over its samples in a round"},
        o.local_epochs);
  visit(ConfigField{"batch", s, "B", "samples", "samples of one step on a client"}, o.batch);
  visit(
      ConfigField{"negatives_per_positive", s, "q", "samples", "negatives drawn for each positive"},
      o.negatives_per_positive);
  visit(ConfigField{"negatives", s, "", "",
                    "items that negatives are drawn from (src/models.md, section 1)"},
        o.negatives);
  visit(ConfigField{"lr", s, "eta", "1", "learning rate of heads, user vectors and routers"}, o.lr);
  visit(
      ConfigField{"lr_items", s, "eta_I", "1", "learning rate of item rows; negative: eta * items"},
      o.lr_items);
  visit(ConfigField{"weight_decay", s, "kappa", "1", "on every parameter that a client trains"},
        o.weight_decay);
}

template <class Options, class Visit>
void visit_gfmfr(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::gfmfr;
  visit(ConfigField{"groups", s, "G", "groups", "user groups"}, o.groups);
  visit(ConfigField{"groups_min", s, "", "groups",
                    "with --groups-max: choose G between them; 0: fixed G"},
        o.groups_min);
  visit(ConfigField{"groups_max", s, "", "groups", "see --groups-min"}, o.groups_max);
  visit(ConfigField{"groups_by", s, "", "", "how G is chosen between the bounds"}, o.groups_by);
  visit(ConfigField{"group_by", s, "", "", "what clients are grouped by"}, o.group_by);
  visit(ConfigField{"cluster", s, "", "", "clustering"}, o.cluster);
  visit(ConfigField{"pca_variance", s, "", "1",
                    "share of the variance that PCA keeps before clustering; 1: no PCA"},
        o.pca_variance);
  visit(ConfigField{"landmarks", s, "", "clients",
                    "above this many participants only so many are clustered, the rest assigned"},
        o.landmarks);
  visit(ConfigField{"regroup_every", s, "k", "rounds", "rounds between groupings"},
        o.regroup_every);
  visit(ConfigField{"group_dim", s, "e_l", "floats", "width of the learned group embedding"},
        o.group_dim);
  visit(ConfigField{"teacher_epochs", s, "E_s", "epochs",
                    "epochs of the server's fusion network, each round"},
        o.teacher.epochs);
  visit(ConfigField{"teacher_batch", s, "", "samples", "its batch size"}, o.teacher.batch);
  visit(ConfigField{"teacher_batches", s, "", "",
                    "items: every group of an item together; pairs: random (group, item)"},
        o.teacher.batches);
  visit(ConfigField{"teacher_lr", s, "", "1", "its learning rate"}, o.teacher.lr);
  visit(ConfigField{"teacher_optimizer", s, "", "", "its optimizer"}, o.teacher.optimizer);
  visit(ConfigField{"distill", s, "lambda", "1", "weight of the distillation term"},
        o.distillation.weight);
  visit(ConfigField{"distill_schedule", s, "lambda_r", "", "course of that weight over the rounds"},
        o.distillation.schedule);
  visit(ConfigField{"distill_balance", s, "", "", "times the running ratio of the two losses"},
        o.distillation.balance);
  visit(ConfigField{"distill_on", s, "", "", "samples that get soft labels"}, o.distillation.on);
  visit(ConfigField{"distill_start", s, "", "round", "first round, from 1, that distils"},
        o.distillation.start);
}

template <class Options, class Visit>
void visit_fedvlr(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::fedvlr;
  visit(ConfigField{"views", s, "F_1..F_J", "", "item views that the server sends, one to three"},
        o.views);
  visit(
      ConfigField{"server_lr", s, "", "1", "learning rate of the server's operators and ID table"},
      o.lr);
  visit(ConfigField{"server_optimizer", s, "", "", "their optimizer"}, o.optimizer);
}

template <class Options, class Visit>
void visit_evaluation(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::evaluation;
  visit(ConfigField{"eval_every", s, "", "rounds", "rounds between evaluations"}, o.every);
  visit(ConfigField{"eval_clients", s, "", "clients", "clients evaluated; 0: all"}, o.clients);
  visit(ConfigField{"candidates", s, "", "", "items that the held-out item is ranked among"},
        o.candidates);
  visit(ConfigField{"cold_items", s, "", "", "items in nobody's training set: ranked, or left out"},
        o.cold_items);
  visit(ConfigField{"patience", s, "", "evaluations",
                    "stop after so many without a better validation NDCG@50; 0: never"},
        o.patience);
}

// It decides bits: a device adds in another order than a processor
template <class Options, class Visit>
void visit_device(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::device;
  visit(ConfigField{"device", s, "", "",
                    "what clients train on; auto: CUDA where every rank has it; emulated: its "
                    "kernels on the CPU, for proof, slowly"},
        o.kind);
}

template <class Options, class Visit>
void visit_execution(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::execution;
  visit(
      ConfigField{"uploads", s, "", "", "keep uploads for the groups, or run clients again (R10)"},
      o.uploads);
  visit(ConfigField{"client_state", s, "", "",
                    "where clients' private heads, user vectors and routers live between rounds "
                    "when a device trains them; auto: there if they fit"},
        o.client_state);
  visit(ConfigField{"memory_gib", s, "", "GiB",
                    "memory that one rank may use; 0: its share of what is free"},
        o.memory_gib);
  visit(ConfigField{"threads", s, "", "threads",
                    "OpenMP threads a rank; 0: OMP_NUM_THREADS, or the rank's cores"},
        o.threads);
}

template <class Options, class Visit>
void visit_restart(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::restart;
  visit(ConfigField{"checkpoint_every", s, "", "rounds",
                    "save all state beside --out every so many rounds, the last two are kept; 0: "
                    "only on a signal"},
        o.checkpoint_every);
  visit(
      ConfigField{
          "resume", s, "", "",
          "go on from the newest whole checkpoint beside --out; from round 1 when there is none"},
      o.resume);
  visit(ConfigField{"time_budget", s, "", "seconds, or 90s 30m 12h",
                    "save a checkpoint and exit with 75 before so much time has passed"},
        o.time_budget);
}

}  // namespace detail

// Calls visit(ConfigField, member) for every field, section after section. C: Config or const
// Config.
template <class C, class Visit>
void for_each_field(C& c, Visit&& visit) {
  detail::visit_files(c.files, visit);
  detail::visit_model(c.model, visit);
  detail::visit_federation(c.federation, visit);
  detail::visit_gfmfr(c.gfmfr, visit);
  detail::visit_fedvlr(c.fedvlr, visit);
  detail::visit_evaluation(c.evaluation, visit);
  detail::visit_device(c.device, visit);
  detail::visit_execution(c.execution, visit);
  detail::visit_restart(c.restart, visit);
}

}  // namespace fedfuse
