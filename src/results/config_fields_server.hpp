#pragma once
// The fields of the server's parts (config_fields.hpp).
#include "core/config.hpp"
#include "results/config_field.hpp"

namespace fedfuse::detail {

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
  visit(
      ConfigField{
          {"teacher_solver", "", "",
           "steps: the paper's network; batches: the same, a step an epoch; closed: a ridge "
           "regression on fixed features"},
          s},
      o.teacher.solver);
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
  visit(
      ConfigField{
          {"teacher_hidden", "K", "floats", "closed: random hidden units beside the features"}, s},
      o.teacher.hidden);
  visit(ConfigField{{"teacher_ridge", "r", "1",
                     "closed: the ridge, in means of the diagonal of the Gram matrix"},
                    s},
        o.teacher.ridge);
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
void visit_prior(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::prior;
  visit(ConfigField{{"prior_groups", "G", "groups", "groups of the prior's teacher"}, s}, o.groups);
  visit(ConfigField{{"prior_hidden", "h", "floats", "width of its hidden layer"}, s}, o.hidden);
  visit(ConfigField{{"prior_projection", "P", "floats", "width of the projected features"}, s},
        o.projection);
  visit(ConfigField{{"prior_steps", "K", "steps", "its Adam steps, each round"}, s}, o.steps);
  visit(ConfigField{{"prior_lr", "", "1", "its learning rate"}, s}, o.lr);
  visit(ConfigField{{"prior_decay", "", "1", "its decoupled weight decay"}, s}, o.decay);
  visit(ConfigField{{"prior_least_mass", "", "clients",
                     "a group of a smaller sum of shares is not taught"},
                    s},
        o.least_mass);
  visit(ConfigField{{"prior_start", "", "", "the groups that clients start in"}, s}, o.start);
  visit(ConfigField{{"prior_shares", "a_u", "",
                     "computed by the client each round, or those of the start"},
                    s},
        o.shares);
  visit(
      ConfigField{
          {"prior_negatives", "c_i", "",
           "items that count against a group: all, or those that a client of the round has"},
          s},
      o.negatives);
  visit(ConfigField{{"distill_as", "", "", "logits added to a client's scores, or its soft labels"},
                    s},
        o.use);
}

template <class Options, class Visit>
void visit_fedvlr(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::fedvlr;
  visit(ConfigField{{"views", "F_1..F_J", "", "item views that the server sends, one to three"}, s},
        o.views);
  visit(ConfigField{{"view_norm", "", "", "of each branch of the views, behind its encoder"}, s},
        o.norm);
  visit(
      ConfigField{{"router", "omega", "",
                   "weights of the views: learned by each client, at their random start, or equal"},
                  s},
      o.router);
  visit(ConfigField{{"id_embedding", "D", "", "off: the views read text and images alone"}, s},
        o.id_embedding);
  visit(ConfigField{{"server_lr", "", "1", "learning rate of the server's operators and ID table"},
                    s},
        o.lr);
  visit(ConfigField{{"server_optimizer", "", "", "their optimizer"}, s}, o.optimizer);
}

template <class Options, class Visit>
void visit_features(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::features;
  visit(ConfigField{{"modalities", "", "", "features that the server has of the items"}, s},
        o.modalities);
  visit(ConfigField{{"lose_features", "", "1",
                     "probability that an item loses a modality, each by itself"},
                    s},
        o.lose);
  visit(ConfigField{{"missing_as", "", "",
                     "what stands for a missing modality: nothing, the mean of the other items, or "
                     "zeros that count as features"},
                    s},
        o.missing_as);
  visit(ConfigField{{"feature_noise", "", "standard deviations",
                     "Gaussian noise on the features, as a multiple of the standard deviation of "
                     "the modality's numbers"},
                    s},
        o.noise);
}

}  // namespace fedfuse::detail
