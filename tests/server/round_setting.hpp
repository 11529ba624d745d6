#pragma once
// A small run of every backbone and fusion, for tests of whole rounds.
#include <string>

#include "core/config.hpp"

namespace fedfuse::test {

inline Config small_config(const std::string& backbone, const std::string& fusion) {
  Config c;
  c.backbone = backbone;
  c.fusion = fusion;
  c.dim = 8;
  c.local_epochs = 2;
  c.batch = 16;
  c.groups = 3;
  c.group_dim = 6;
  c.teacher_epochs = 2;
  c.teacher_batch = 30;
  c.lr_items = 2.0;
  c.rounds = 4;
  c.fraction = 0.8;
  c.weight_decay = 0.001;
  c.seed = 11;
  return c;
}

}  // namespace fedfuse::test
