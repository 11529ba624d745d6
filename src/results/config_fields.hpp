#pragma once
// The one list of Config's fields: name (the option is the name with dashes), unit, symbol of
// models.md, and what it is. From it come the options with their help, the TOML and JSON forms, and
// the check for unknown keys.
#include "core/config.hpp"
#include "model/backbones.hpp"
#include "model/fusions.hpp"

namespace fedfuse {

struct ConfigField {
  const char* name;
  const char* group;   // heading in --help
  const char* symbol;  // in models.md, or ""
  const char* unit;    // or the choices, or ""
  const char* help;
};

// Calls visit(ConfigField, member) for every field, in the order of the struct. C: Config or const
// Config.
template <class C, class Visit>
void for_each_field(C& c, Visit&& visit) {
  const char* g = "Files";
  visit(ConfigField{"data", g, "", "path", "data set of `fedfuse generate` or `fedfuse import`"},
        c.data);
  visit(ConfigField{"out", g, "", "path", "result file; its JSON twin stands beside it"}, c.out);
  visit(ConfigField{"overwrite", g, "", "", "replace an existing result file"}, c.overwrite);
  visit(ConfigField{"save_every", g, "", "rounds",
                    "write the result file every so many rounds; 0: at the end only"},
        c.save_every);
  g = "Model";
  visit(ConfigField{"backbone", g, "", backbone_names().c_str(),
                    "what is shared and what stays on the client"},
        c.backbone);
  visit(ConfigField{"fusion", g, "", fusion_names().c_str(), "how text and images enter"},
        c.fusion);
  visit(ConfigField{"head", g, "", "auto|linear|mlp|neumf",
                    "prediction function; auto: the backbone's own"},
        c.head);
  visit(ConfigField{"dim", g, "d", "floats", "latent width, a multiple of 4"}, c.dim);
  visit(ConfigField{"init_std", g, "", "1", "standard deviation of the shared table's start"},
        c.init_std);
  visit(ConfigField{"personal_init_std", g, "", "1",
                    "fedrap: standard deviation of the common start of personal rows"},
        c.personal_init_std);
  visit(ConfigField{"rap_alpha", g, "alpha", "1",
                    "fedrap: weight of the distance of personal and shared rows"},
        c.rap_alpha);
  visit(ConfigField{"rap_beta", g, "beta (FedRAP)", "1",
                    "fedrap: weight of the shared rows' L1 norm"},
        c.rap_beta);
  visit(ConfigField{"head_sharing", g, "", "backbone|never",
                    "never: the head stays on the client whatever the backbone says"},
        c.head_sharing);
  g = "Federation";
  visit(ConfigField{"rounds", g, "R", "rounds", "rounds at most"}, c.rounds);
  visit(ConfigField{"fraction", g, "beta", "1", "share of clients sampled each round"}, c.fraction);
  visit(ConfigField{"seed", g, "", "", "key of all random numbers"}, c.seed);
  visit(ConfigField{"local_epochs", g, "E", "epochs",
                    "passes of a client over its samples in a round"},
        c.local_epochs);
  visit(ConfigField{"batch", g, "B", "samples", "samples of one step on a client"}, c.batch);
  visit(
      ConfigField{"negatives_per_positive", g, "q", "samples", "negatives drawn for each positive"},
      c.negatives_per_positive);
  visit(ConfigField{"negatives", g, "", "own-train|own-all|trained-items",
                    "items that negatives are drawn from (src/models.md, section 1)"},
        c.negatives);
  visit(ConfigField{"lr", g, "eta", "1", "learning rate of heads, user vectors and routers"}, c.lr);
  visit(
      ConfigField{"lr_items", g, "eta_I", "1", "learning rate of item rows; negative: eta * items"},
      c.lr_items);
  visit(ConfigField{"weight_decay", g, "kappa", "1", "on every parameter that a client trains"},
        c.weight_decay);
  g = "GFMFR";
  visit(ConfigField{"groups", g, "G", "groups", "user groups"}, c.groups);
  visit(ConfigField{"groups_min", g, "", "groups",
                    "with --groups-max: choose G between them; 0: fixed G"},
        c.groups_min);
  visit(ConfigField{"groups_max", g, "", "groups", "see --groups-min"}, c.groups_max);
  visit(
      ConfigField{"groups_by", g, "", "eigengap|silhouette", "how G is chosen between the bounds"},
      c.groups_by);
  visit(ConfigField{"group_by", g, "", "prediction|random|behaviour|labels",
                    "what clients are grouped by"},
        c.group_by);
  visit(ConfigField{"cluster", g, "", "spectral|kmeans", "clustering"}, c.cluster);
  visit(ConfigField{"pca_variance", g, "", "1",
                    "share of the variance that PCA keeps before clustering; 1: no PCA"},
        c.pca_variance);
  visit(ConfigField{"landmarks", g, "", "clients",
                    "above this many participants only so many are clustered, the rest assigned"},
        c.landmarks);
  visit(ConfigField{"regroup_every", g, "k", "rounds", "rounds between groupings"},
        c.regroup_every);
  visit(ConfigField{"group_dim", g, "e_l", "floats", "width of the learned group embedding"},
        c.group_dim);
  visit(ConfigField{"teacher_epochs", g, "E_s", "epochs",
                    "epochs of the server's fusion network, each round"},
        c.teacher_epochs);
  visit(ConfigField{"teacher_batch", g, "", "samples", "its batch size"}, c.teacher_batch);
  visit(ConfigField{"teacher_batches", g, "", "items|pairs",
                    "items: every group of an item together; pairs: random (group, item)"},
        c.teacher_batches);
  visit(ConfigField{"teacher_lr", g, "", "1", "its learning rate"}, c.teacher_lr);
  visit(ConfigField{"teacher_optimizer", g, "", "adam|sgd", "its optimizer"}, c.teacher_optimizer);
  visit(ConfigField{"distill", g, "lambda", "1", "weight of the distillation term"}, c.distill);
  visit(ConfigField{"distill_schedule", g, "lambda_r", "constant|cosine",
                    "course of that weight over the rounds"},
        c.distill_schedule);
  visit(ConfigField{"distill_balance", g, "", "", "times the running ratio of the two losses"},
        c.distill_balance);
  visit(ConfigField{"distill_on", g, "", "all|negatives", "samples that get soft labels"},
        c.distill_on);
  visit(ConfigField{"distill_start", g, "", "round", "first round, from 1, that distils"},
        c.distill_start);
  g = "FedVLR";
  visit(ConfigField{"views", g, "F_1..F_J", "sum|mlp|gate",
                    "item views that the server sends, one to three"},
        c.views);
  visit(
      ConfigField{"server_lr", g, "", "1", "learning rate of the server's operators and ID table"},
      c.server_lr);
  visit(ConfigField{"server_optimizer", g, "", "adam|sgd", "their optimizer"}, c.server_optimizer);
  g = "Evaluation";
  visit(ConfigField{"eval_every", g, "", "rounds", "rounds between evaluations"}, c.eval_every);
  visit(ConfigField{"eval_clients", g, "", "clients", "clients evaluated; 0: all"}, c.eval_clients);
  visit(ConfigField{"candidates", g, "", "full|sampled:N",
                    "items that the held-out item is ranked among"},
        c.candidates);
  visit(ConfigField{"cold_items", g, "", "rank|exclude",
                    "items in nobody's training set: ranked, or left out"},
        c.cold_items);
  visit(ConfigField{"patience", g, "", "evaluations",
                    "stop after so many without a better validation NDCG@50; 0: never"},
        c.patience);
  g = "Device";  // decides bits: a device adds in another order than a processor
  visit(ConfigField{"device", g, "", "auto|cpu|cuda|emulated",
                    "what clients train on; auto: CUDA where every rank has it; emulated: its "
                    "kernels on the CPU, for proof, slowly"},
        c.device);
  g = "Execution";
  visit(ConfigField{"uploads", g, "", "auto|store|replay",
                    "keep uploads for the groups, or run clients again (R10)"},
        c.uploads);
  visit(ConfigField{"client_state", g, "", "auto|host|device",
                    "where clients' private heads, user vectors and routers live between rounds "
                    "when a device trains them; auto: there if they fit"},
        c.client_state);
  visit(ConfigField{"memory_gib", g, "", "GiB",
                    "memory that one rank may use; 0: its share of what is free"},
        c.memory_gib);
  visit(ConfigField{"threads", g, "", "threads",
                    "OpenMP threads a rank; 0: OMP_NUM_THREADS, or the rank's cores"},
        c.threads);
  g = "Restart";
  visit(ConfigField{"checkpoint_every", g, "", "rounds",
                    "save all state beside --out every so many rounds, the last two are kept; 0: "
                    "only on a signal"},
        c.checkpoint_every);
  visit(
      ConfigField{
          "resume", g, "", "",
          "go on from the newest whole checkpoint beside --out; from round 1 when there is none"},
      c.resume);
  visit(ConfigField{"time_budget", g, "", "seconds, or 90s 30m 12h",
                    "save a checkpoint and exit with 75 before so much time has passed"},
        c.time_budget);
}

}  // namespace fedfuse
