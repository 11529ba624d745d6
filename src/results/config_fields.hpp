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

struct FieldText {
  const char* name;
  const char* symbol;  // in models.md, or ""
  const char* unit;    // or ""
  const char* help;
};
struct ConfigField : FieldText {
  ConfigSection section;
  // of the rows of a table that the value names; a typed choice has its names in its type
  std::vector<std::string> (*rows)() = nullptr;
};

namespace detail {

template <class Options, class Visit>
void visit_files(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::files;
  visit(ConfigField{{"data", "", "path", "data set of `fedfuse generate` or `fedfuse import`"}, s},
        o.data);
  visit(ConfigField{{"out", "", "path", "result file; its JSON twin stands beside it"}, s}, o.out);
  visit(ConfigField{{"overwrite", "", "", "replace an existing result file"}, s}, o.overwrite);
  visit(ConfigField{{"save_every", "", "rounds",
                     "write the result file every so many rounds; 0: at the end only"},
                    s},
        o.save_every);
}

template <class Options, class Visit>
void visit_model(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::model;
  visit(
      ConfigField{
          {"backbone", "", "", "what is shared and what stays on the client"}, s, backbone_names},
      o.backbone);
  visit(ConfigField{{"fusion", "", "", "how text and images enter"}, s, fusion_names}, o.fusion);
  visit(ConfigField{{"head", "", "", "prediction function; auto: the backbone's own"}, s}, o.head);
  visit(ConfigField{{"dim", "d", "floats", "latent width, a multiple of 4"}, s}, o.dim);
  visit(ConfigField{{"init_std", "", "1", "standard deviation of the shared table's start"}, s},
        o.init_std);
  visit(ConfigField{{"personal_init_std", "", "1",
                     "fedrap: standard deviation of the common start of personal rows"},
                    s},
        o.personal_init_std);
  visit(ConfigField{{"rap_alpha", "alpha", "1",
                     "fedrap: weight of the distance of personal and shared rows"},
                    s},
        o.rap_alpha);
  visit(
      ConfigField{{"rap_beta", "beta (FedRAP)", "1", "fedrap: weight of the shared rows' L1 norm"},
                  s},
      o.rap_beta);
  visit(ConfigField{{"head_sharing", "", "",
                     "never: the head stays on the client whatever the backbone says"},
                    s},
        o.head_sharing);
}

template <class Options, class Visit>
void visit_federation(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::federation;
  visit(ConfigField{{"rounds", "R", "rounds", "rounds at most"}, s}, o.rounds);
  visit(ConfigField{{"fraction", "beta", "1", "share of clients sampled each round"}, s},
        o.fraction);
  visit(ConfigField{{"seed", "", "", "key of all random numbers"}, s}, o.seed);
  visit(
      ConfigField{{"local_epochs", "E", "epochs", "passes of a client over its samples in a round"},
                  s},
      o.local_epochs);
  visit(ConfigField{{"batch", "B", "samples", "samples of one step on a client"}, s}, o.batch);
  visit(ConfigField{{"negatives_per_positive", "q", "samples", "negatives drawn for each positive"},
                    s},
        o.negatives_per_positive);
  visit(ConfigField{{"negatives", "", "",
                     "items that negatives are drawn from (src/models.md, section 1)"},
                    s},
        o.negatives);
  visit(ConfigField{{"lr", "eta", "1", "learning rate of heads, user vectors and routers"}, s},
        o.lr);
  visit(ConfigField{{"lr_items", "eta_I", "1", "learning rate of item rows; negative: eta * items"},
                    s},
        o.lr_items);
  visit(ConfigField{{"weight_decay", "kappa", "1", "on every parameter that a client trains"}, s},
        o.weight_decay);
}

template <class Options, class Visit>
void visit_gfmfr(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::gfmfr;
  visit(ConfigField{{"groups", "G", "groups", "user groups"}, s}, o.groups);
  visit(
      ConfigField{
          {"groups_min", "", "groups", "with --groups-max: choose G between them; 0: fixed G"}, s},
      o.groups_min);
  visit(ConfigField{{"groups_max", "", "groups", "see --groups-min"}, s}, o.groups_max);
  visit(ConfigField{{"groups_by", "", "", "how G is chosen between the bounds"}, s}, o.groups_by);
  visit(ConfigField{{"group_by", "", "", "what clients are grouped by"}, s}, o.group_by);
  visit(ConfigField{{"cluster", "", "", "clustering"}, s}, o.cluster);
  visit(ConfigField{{"pca_variance", "", "1",
                     "share of the variance that PCA keeps before clustering; 1: no PCA"},
                    s},
        o.pca_variance);
  visit(ConfigField{{"landmarks", "", "clients",
                     "above this many participants only so many are clustered, the rest assigned"},
                    s},
        o.landmarks);
  visit(ConfigField{{"regroup_every", "k", "rounds", "rounds between groupings"}, s},
        o.regroup_every);
  visit(ConfigField{{"group_dim", "e_l", "floats", "width of the learned group embedding"}, s},
        o.group_dim);
  visit(ConfigField{{"teacher_epochs", "E_s", "epochs",
                     "epochs of the server's fusion network, each round"},
                    s},
        o.teacher.epochs);
  visit(ConfigField{{"teacher_batch", "", "samples", "its batch size"}, s}, o.teacher.batch);
  visit(ConfigField{{"teacher_batches", "", "",
                     "items: every group of an item together; pairs: random (group, item)"},
                    s},
        o.teacher.batches);
  visit(ConfigField{{"teacher_lr", "", "1", "its learning rate"}, s}, o.teacher.lr);
  visit(ConfigField{{"teacher_optimizer", "", "", "its optimizer"}, s}, o.teacher.optimizer);
  visit(ConfigField{{"distill", "lambda", "1", "weight of the distillation term"}, s},
        o.distillation.weight);
  visit(
      ConfigField{{"distill_schedule", "lambda_r", "", "course of that weight over the rounds"}, s},
      o.distillation.schedule);
  visit(ConfigField{{"distill_balance", "", "", "times the running ratio of the two losses"}, s},
        o.distillation.balance);
  visit(ConfigField{{"distill_on", "", "", "samples that get soft labels"}, s}, o.distillation.on);
  visit(ConfigField{{"distill_start", "", "round", "first round, from 1, that distils"}, s},
        o.distillation.start);
}

template <class Options, class Visit>
void visit_fedvlr(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::fedvlr;
  visit(ConfigField{{"views", "F_1..F_J", "", "item views that the server sends, one to three"}, s},
        o.views);
  visit(ConfigField{{"server_lr", "", "1", "learning rate of the server's operators and ID table"},
                    s},
        o.lr);
  visit(ConfigField{{"server_optimizer", "", "", "their optimizer"}, s}, o.optimizer);
}

template <class Options, class Visit>
void visit_evaluation(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::evaluation;
  visit(ConfigField{{"eval_every", "", "rounds", "rounds between evaluations"}, s}, o.every);
  visit(ConfigField{{"eval_clients", "", "clients", "clients evaluated; 0: all"}, s}, o.clients);
  visit(ConfigField{{"candidates", "", "", "items that the held-out item is ranked among"}, s},
        o.candidates);
  visit(
      ConfigField{{"cold_items", "", "", "items in nobody's training set: ranked, or left out"}, s},
      o.cold_items);
  visit(ConfigField{{"patience", "", "evaluations",
                     "stop after so many without a better validation NDCG@50; 0: never"},
                    s},
        o.patience);
}

// It decides bits: a device adds in another order than a processor
template <class Options, class Visit>
void visit_device(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::device;
  visit(ConfigField{{"device", "", "",
                     "what clients train on; auto: CUDA where every rank has it; emulated: its "
                     "kernels on the CPU, for proof, slowly"},
                    s},
        o.kind);
}

template <class Options, class Visit>
void visit_execution(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::execution;
  visit(ConfigField{{"uploads", "", "", "keep uploads for the groups, or run clients again (R10)"},
                    s},
        o.uploads);
  visit(ConfigField{{"client_state", "", "",
                     "where clients' private heads, user vectors and routers live between rounds "
                     "when a device trains them; auto: there if they fit"},
                    s},
        o.client_state);
  visit(ConfigField{{"memory_gib", "", "GiB",
                     "memory that one rank may use; 0: its share of what is free"},
                    s},
        o.memory_gib);
  visit(ConfigField{{"threads", "", "threads",
                     "OpenMP threads a rank; 0: OMP_NUM_THREADS, or the rank's cores"},
                    s},
        o.threads);
}

template <class Options, class Visit>
void visit_restart(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::restart;
  visit(ConfigField{{"checkpoint_every", "", "rounds",
                     "save all state beside --out every so many rounds, the last two are kept; 0: "
                     "only on a signal"},
                    s},
        o.checkpoint_every);
  visit(
      ConfigField{
          {"resume", "", "",
           "go on from the newest whole checkpoint beside --out; from round 1 when there is none"},
          s},
      o.resume);
  visit(ConfigField{{"time_budget", "", "seconds, or 90s 30m 12h",
                     "save a checkpoint and exit with 75 before so much time has passed"},
                    s},
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
