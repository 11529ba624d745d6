#pragma once
// The CPU kernels that a run calls: of every kernel the first row of its table of variants. Rooms
// take a Kernels and call nothing else, bench_kernels times the same functions, and a test
// (tests/kernels/production_test.cpp) puts others in their place to see that each one is called.
#include "kernels/aggregate/aggregate.hpp"
#include "kernels/group_prior/group_prior.hpp"
#include "kernels/group_targets/group_targets.hpp"
#include "kernels/kmeans/kmeans.hpp"
#include "kernels/local_train/local_train.hpp"
#include "kernels/mask/mask.hpp"
#include "kernels/preference/preference.hpp"
#include "kernels/rank/rank.hpp"
#include "kernels/row_median/row_median.hpp"
#include "kernels/sample/sample.hpp"
#include "kernels/teacher/teacher.hpp"
#include "kernels/views/views.hpp"

namespace fedfuse {

struct Kernels {
  sample::Function draw = sample::production().run;
  local_train::Function train = local_train::production().run;
  aggregate::Add add = aggregate::production().add;
  kmeans::NearestFunction nearest = kmeans::nearest_production().run;
  kmeans::StepFunction step = kmeans::step_production().run;
  teacher::Function teacher_epoch = teacher::production().run;
  preference::Function preferences = preference::production().run;
  views::Forward views_forward = views::production().forward;
  views::Backward views_backward = views::production().backward;
  group_prior::Logits prior_logits = group_prior::production().logits;
  group_prior::Gradient prior_gradient = group_prior::production().gradient;
  group_targets::Function group_targets = group_targets::production().run;
  row_median::Function row_statistic = row_median::production().run;
  mask::Function mask = mask::production().run;
  rank::Function ranks = rank::production().run;
};

}  // namespace fedfuse
