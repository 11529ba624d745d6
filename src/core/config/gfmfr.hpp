#pragma once
// The options of GFMFR and their choices (models.md, section 3).
#include <cstdint>

#include "core/choice.hpp"
#include "core/config/optimizer.hpp"

namespace fedfuse {

// How the number of groups is chosen between its bounds.
enum class GroupsBy { eigengap, silhouette };
template <>
inline constexpr auto choice_names<GroupsBy> =
    std::array{Named{GroupsBy::eigengap, "eigengap"}, Named{GroupsBy::silhouette, "silhouette"}};

// What clients are grouped by.
enum class GroupBy { prediction, random, behaviour, labels };
template <>
inline constexpr auto choice_names<GroupBy> =
    std::array{Named{GroupBy::prediction, "prediction"}, Named{GroupBy::random, "random"},
               Named{GroupBy::behaviour, "behaviour"}, Named{GroupBy::labels, "labels"}};

enum class ClusterMethod { spectral, kmeans };
template <>
inline constexpr auto choice_names<ClusterMethod> =
    std::array{Named{ClusterMethod::spectral, "spectral"}, Named{ClusterMethod::kmeans, "kmeans"}};

// items: every group of an item together (R9); pairs: random (group, item), as in the paper.
enum class TeacherBatches { items, pairs };
template <>
inline constexpr auto choice_names<TeacherBatches> =
    std::array{Named{TeacherBatches::items, "items"}, Named{TeacherBatches::pairs, "pairs"}};

// steps: the paper's network, E_s epochs of small batches. batches: the same network, E_s steps of
// one batch of everything. closed: a ridge regression, solved.
enum class TeacherSolver { steps, batches, closed };
template <>
inline constexpr auto choice_names<TeacherSolver> =
    std::array{Named{TeacherSolver::steps, "steps"}, Named{TeacherSolver::batches, "batches"},
               Named{TeacherSolver::closed, "closed"}};

// Course of the distillation weight over the rounds.
enum class DistillSchedule { constant, cosine };
template <>
inline constexpr auto choice_names<DistillSchedule> = std::array{
    Named{DistillSchedule::constant, "constant"}, Named{DistillSchedule::cosine, "cosine"}};

// The samples that get soft labels.
enum class DistillOn { all, negatives };
template <>
inline constexpr auto choice_names<DistillOn> =
    std::array{Named{DistillOn::all, "all"}, Named{DistillOn::negatives, "negatives"}};

// The server's fusion network.
struct TeacherOptions {
  TeacherSolver solver = TeacherSolver::steps;
  std::int64_t epochs = 10;  // E_s
  std::int64_t batch = 256;
  TeacherBatches batches = TeacherBatches::items;
  double lr = 1e-3;
  OptimizerKind optimizer = OptimizerKind::adam;
  // closed: K, random hidden units; the ridge, in means of the Gram matrix's diagonal
  std::int64_t hidden = 512;
  double ridge = 1e-2;
  bool operator==(const TeacherOptions&) const = default;
};

struct DistillationOptions {
  double weight = 0.25;  // lambda
  DistillSchedule schedule = DistillSchedule::constant;
  // times the running ratio of the two losses (decay 0.9)
  bool balance = false;
  DistillOn on = DistillOn::all;
  std::int64_t start = 2;  // first round (1-based) that distils
  bool operator==(const DistillationOptions&) const = default;
};

struct GfmfrOptions {
  std::int64_t groups = 5;  // G
  // > 0: choose G between them each time clients are grouped
  std::int64_t groups_min = 0, groups_max = 0;
  GroupsBy groups_by = GroupsBy::eigengap;
  GroupBy group_by = GroupBy::prediction;
  ClusterMethod cluster = ClusterMethod::spectral;
  // < 1: project on the components that hold this share
  double pca_variance = 1.0;
  // above this many participants: cluster this many, assign the rest
  std::int64_t landmarks = 2048;
  std::int64_t regroup_every = 1;
  std::int64_t group_dim = 512;  // width of the learned group embedding e_l
  TeacherOptions teacher;
  DistillationOptions distillation;
  bool operator==(const GfmfrOptions&) const = default;
};
void validate(const GfmfrOptions& options);  // InputError

// The most groups that GFMFR may form, of a fixed or of an adaptive number.
[[nodiscard]] std::int64_t most_groups(const GfmfrOptions& options);

}  // namespace fedfuse
