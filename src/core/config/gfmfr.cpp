#include "core/config/gfmfr.hpp"

#include <algorithm>

#include "core/config/check.hpp"

namespace fedfuse {
namespace {

void validate(const TeacherOptions& o) {
  within("teacher-epochs", o.epochs, 1, most_counted);
  within("teacher-batch", o.batch, 1, most_counted);
  finite_at_least("teacher-lr", o.lr, 0);
  within("teacher-hidden", o.hidden, 0, 65536);
  finite_at_least("teacher-ridge", o.ridge, 0);
}

void validate(const DistillationOptions& o) {
  finite_at_least("distill", o.weight, 0);
  within("distill-start", o.start, 2, most_counted);
}

}  // namespace

void validate(const GfmfrOptions& o) {
  within("groups", o.groups, 1, 1024);
  within("groups-min", o.groups_min, 0, 1024);
  within("groups-max", o.groups_max, 0, 1024);
  const bool bounds = (o.groups_min == 0 && o.groups_max == 0) ||
                      (o.groups_min >= 2 && o.groups_max >= o.groups_min);
  require(bounds, "groups-min", o.groups_min,
          "the bounds of an adaptive number of groups must satisfy 2 <= groups-min <= groups-max",
          "give both, or neither");
  require(o.pca_variance > 0 && o.pca_variance <= 1, "pca-variance", o.pca_variance,
          "a share of the variance is in (0, 1]", "1 switches PCA off");
  within("landmarks", o.landmarks, 16, most_counted);
  within("regroup-every", o.regroup_every, 1, most_counted);
  within("group-dim", o.group_dim, 1, 1048576);
  validate(o.teacher);
  validate(o.distillation);
}

std::int64_t most_groups(const GfmfrOptions& o) { return std::max(o.groups, o.groups_max); }

}  // namespace fedfuse
