#pragma once
// The fields of privacy, and of attacks (config_fields.hpp).
#include "core/config.hpp"
#include "results/config_field.hpp"

namespace fedfuse::detail {

template <class Options, class Visit>
void visit_privacy(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::privacy;
  visit(ConfigField{{"clip", "C", "1",
                     "bound of the L2 norm of a whole upload: rows, change of a shared head, view "
                     "gradients; 0: none"},
                    s},
        o.clip);
  visit(ConfigField{{"noise_multiplier", "z", "1",
                     "Gaussian noise of standard deviation z C on the round's sums; 0: none"},
                    s},
        o.noise_multiplier);
  visit(ConfigField{{"epsilon", "epsilon", "1",
                     "find z for so much after all --rounds, at --delta; 0: z is given"},
                    s},
        o.epsilon);
  visit(ConfigField{{"delta", "delta", "1", "0: 1 / clients^1.1"}, s}, o.delta);
  visit(ConfigField{{"adjacency", "", "",
                     "neighbouring federations; auto: add-or-remove-one with --sampling poisson, "
                     "replace-one with fixed"},
                    s},
        o.adjacency);
  visit(ConfigField{{"upload_ids", "", "",
                     "rows that an upload names: those touched; --upload-padding more; or all"},
                    s},
        o.upload_ids);
  visit(ConfigField{{"upload_padding", "", "rows",
                     "items that a client adds with --upload-ids padded, the same in every round"},
                    s},
        o.upload_padding);
  visit(ConfigField{{"upload_noise", "", "",
                     "an experiment, no differential privacy: noise on every number that a client "
                     "sends"},
                    s},
        o.upload_noise);
  visit(ConfigField{{"upload_noise_scale", "b", "1",
                     "of that noise: b of laplace, standard deviation of gaussian"},
                    s},
        o.upload_noise_scale);
  visit(ConfigField{{"probe_clients", "", "clients",
                     "record what the uploads of so many clients tell of their positives"},
                    s},
        o.probe_clients);
}

template <class Options, class Visit>
void visit_attack(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::attack;
  visit(ConfigField{{"attack", "", "",
                     "what the attackers do: push an item, send the opposite, train on opposite "
                     "labels, send noise"},
                    s},
        o.kind);
  visit(ConfigField{{"attack_share", "q", "1", "share of all clients that attack"}, s}, o.share);
  visit(ConfigField{{"attack_item", "", "item",
                     "that boost-item pushes; -1: of the items with interactions, the rarest"},
                    s},
        o.item);
  visit(ConfigField{{"attack_boost", "", "1", "factor of what the attackers send"}, s}, o.boost);
  visit(ConfigField{{"defence", "", "",
                     "how rows of an item are combined: summed (bounded by --clip), or the median "
                     "or trimmed mean of every number over the clients that touched the row"},
                    s},
        o.defence);
  visit(ConfigField{{"trim", "", "1", "row-trimmed: share that is cut at either end"}, s}, o.trim);
}

}  // namespace fedfuse::detail
