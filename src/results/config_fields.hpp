#pragma once
// The one list of Config's fields: name (the option is the name with dashes), unit, symbol of
// models.md, and what it is. From it come the options with their help, the TOML and JSON forms, and
// the check for unknown keys.
#include "core/config.hpp"
#include "model/backbones.hpp"
#include "model/fusions.hpp"
#include "results/config_field.hpp"
#include "results/config_fields_participation.hpp"
#include "results/config_fields_privacy.hpp"
#include "results/config_fields_secure.hpp"
#include "results/config_fields_server.hpp"

namespace fedfuse {

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
  visit(ConfigField{{"sampling", "", "",
                     "fixed: so many without replacement; poisson: each client by itself"},
                    s},
        o.sampling);
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
  visit(ConfigField{{"lr", "eta", "1",
                     "learning rate of heads, user vectors and routers; -1: 0.3; over one view "
                     "0.01, with a router 0.1"},
                    s},
        o.lr);
  visit(
      ConfigField{{"item_update", "", "",
                   "how item rows move: sums, over the clients that touched a row; or the papers' "
                   "means"},
                  s},
      o.item_update);
  visit(ConfigField{{"lr_items", "eta_I", "1",
                     "learning rate of item rows; -1: 0.1 with counts, eta * items with mean"},
                    s},
        o.lr_items);
  visit(ConfigField{{"lr_items_server", "eta_S", "1",
                     "the server's rate of item rows, with counts; -1: 8, or 1 over a group prior"},
                    s},
        o.lr_items_server);
  visit(ConfigField{{"lr_decay", "", "1", "factor of eta from round to round"}, s}, o.lr_decay);
  visit(ConfigField{{"lr_items_decay", "", "1", "factor of eta_I from round to round"}, s},
        o.lr_items_decay);
  visit(ConfigField{{"weight_decay", "kappa", "1", "on every parameter that a client trains"}, s},
        o.weight_decay);
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
  visit(ConfigField{{"patience_after", "", "rounds", "first rounds whose evaluations do not count"},
                    s},
        o.patience_after);
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
  detail::visit_participation(c.participation, visit);
  detail::visit_gfmfr(c.gfmfr, visit);
  detail::visit_prior(c.prior, visit);
  detail::visit_fedvlr(c.fedvlr, visit);
  detail::visit_features(c.features, visit);
  detail::visit_privacy(c.privacy, visit);
  detail::visit_attack(c.attack, visit);
  detail::visit_secure(c.secure, visit);
  detail::visit_evaluation(c.evaluation, visit);
  detail::visit_device(c.device, visit);
  detail::visit_execution(c.execution, visit);
  detail::visit_restart(c.restart, visit);
}

}  // namespace fedfuse
