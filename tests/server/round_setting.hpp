#pragma once
// A small run of every backbone and fusion, for tests of whole rounds: by the papers' rule of item
// rows, or by counts.
#include <string>

#include "core/config.hpp"

namespace fedfuse::test {

inline Config small_config(const std::string& backbone, const std::string& fusion,
                           ItemUpdate rule = ItemUpdate::mean) {
  Config c;
  c.model.backbone = backbone;
  c.model.fusion = fusion;
  c.model.dim = 8;
  c.federation.local_epochs = 2;
  c.federation.batch = 16;
  c.gfmfr.groups = 3;
  c.gfmfr.group_dim = 6;
  c.gfmfr.teacher.epochs = 2;
  c.gfmfr.teacher.batch = 30;
  c.federation.lr = 0.1;
  c.federation.item_update = rule;
  c.federation.lr_items = rule == ItemUpdate::mean ? 2.0 : 0.125;  // of a batch: much the same
  c.federation.lr_items_server = 2.0;
  c.prior.groups = 3;
  c.prior.hidden = 8;
  c.prior.steps = 3;
  c.prior.least_mass = 0.5;
  c.federation.rounds = 4;
  c.federation.fraction = 0.8;
  c.federation.weight_decay = 0.001;
  c.federation.seed = 11;
  return c;
}

}  // namespace fedfuse::test
