#include "core/config/gfmfr.hpp"

#include <algorithm>

#include "core/config/check.hpp"

namespace fedfuse {
namespace {

void validate(const TeacherOptions& o) {
  at_least("teacher-epochs", o.epochs, 1);
  at_least("teacher-batch", o.batch, 1);
  finite_at_least("teacher-lr", o.lr, 0);
}

void validate(const DistillationOptions& o) {
  finite_at_least("distill", o.weight, 0);
  at_least("distill-start", o.start, 2);
}

}  // namespace

void validate(const GfmfrOptions& o) {
  at_least("groups", o.groups, 1);
  require(o.groups <= 1024, "groups", o.groups, "more than 1,024 groups are not supported",
          "use fewer groups");
  const bool bounds = (o.groups_min == 0 && o.groups_max == 0) ||
                      (o.groups_min >= 2 && o.groups_max >= o.groups_min);
  require(bounds, "groups-min", o.groups_min,
          "the bounds of an adaptive number of groups must satisfy 2 <= groups-min <= groups-max",
          "give both, or neither");
  require(o.pca_variance > 0 && o.pca_variance <= 1, "pca-variance", o.pca_variance,
          "a share of the variance is in (0, 1]", "1 switches PCA off");
  at_least("landmarks", o.landmarks, 16);
  at_least("regroup-every", o.regroup_every, 1);
  at_least("group-dim", o.group_dim, 1);
  validate(o.teacher);
  validate(o.distillation);
}

std::int64_t most_groups(const GfmfrOptions& o) { return std::max(o.groups, o.groups_max); }

}  // namespace fedfuse
