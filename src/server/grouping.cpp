#include "server/grouping.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "kernels/kmeans/kmeans_gpu.hpp"
#include "server/grouping/assignment.hpp"
#include "server/grouping/cluster.hpp"
#include "server/grouping/fixed.hpp"
#include "server/grouping/kmeans.hpp"
#include "server/grouping/sample.hpp"
#include "server/grouping/standardise.hpp"

namespace fedfuse {
namespace {

using namespace grouping;

// What rank 0 found, beside the groups of the sample and the centres.
struct Header {
  std::int64_t groups = 0, components = 0, equal = 0;
  double variance_share = 1.0;
};

GroupBounds bounds_for(const Config& config, std::int64_t participants) {
  const bool adaptive = config.gfmfr.groups_max > 0;
  const GroupBounds wanted = adaptive
                                 ? GroupBounds{config.gfmfr.groups_min, config.gfmfr.groups_max}
                                 : GroupBounds{config.gfmfr.groups, config.gfmfr.groups};
  return {std::min(wanted.least, participants), std::min(wanted.most, participants)};
}

// Nearest centre of x: argmin_g square_g - 2 sum_j centre_jg (x_j - mean_j) / sd_j.
void assign_to_nearest(const Matrix<float>& vectors, const ColumnScale& scale, const Points& centre,
                       const std::vector<double>& square, std::vector<std::int32_t>& group,
                       const Comm& comm, const std::shared_ptr<gpu::Device>& device,
                       const Kernels& kernels) {
  Points weight = centre;
  for (std::int64_t j = 0; j < weight.rows(); ++j)
    weight.row(j) *= -2.0 * scale.inverse_sd[std::size_t(j)];
  const kmeans::Nearest problem{.count = vectors.rows,
                                .columns = weight.rows(),
                                .groups = weight.cols(),
                                .points = vectors.data(),
                                .mean = scale.mean.data(),
                                .weight = weight.data(),
                                .square = square.data()};
  comm.together([&] {
    if (device != nullptr)
      kmeans::nearest_on(device, problem, group.data());
    else
      kernels.nearest(problem, group.data());
  });
}

std::string describe(const GfmfrOptions& o, const Header& found, std::int64_t total,
                     std::int64_t sampled, std::int64_t columns, bool adaptive) {
  auto text = cat(o.cluster, " on ", sampled, sampled < total ? " landmarks" : " participants");
  if (found.equal != 0)
    return cat("balanced split of ", total, " participants: their vectors are all equal");
  if (o.pca_variance < 1.0) {
    const auto percent = std::round(found.variance_share * 1000) / 10;
    text += cat(", PCA to ", found.components, " of ", columns, " columns (", percent,
                " % of the variance)");
  }
  if (adaptive) text += cat(", ", found.groups, " groups by ", o.groups_by);
  if (sampled < total) text += cat(", nearest centre for ", total - sampled);
  return text;
}

// Clusters the sample on rank 0 and broadcasts the result; fills result.group.
Header cluster_everyone(const Config& config, const GroupingInput& input, std::int64_t total,
                        std::int64_t columns, std::int64_t round,
                        const std::vector<std::int32_t>& sample, GroupBounds bounds,
                        GroupingResult& result, const Comm& comm,
                        const std::shared_ptr<gpu::Device>& device, const Kernels& kernels) {
  const auto scale = column_scale(input.vectors, input.ids, columns, total, round, comm);
  Clustering found;
  {
    const auto gathered = gather_sample(input.vectors, input.ids, sample, columns, comm);
    comm.on_root([&] {
      found = cluster_points(config, standardise(gathered, scale), bounds, device, kernels);
    });
  }
  Header header{found.groups, found.components, found.equal ? 1 : 0, found.variance_share};
  comm.broadcast(std::span(&header, 1));
  found.group.resize(sample.size());
  comm.broadcast(std::span(found.group));

  result.group.assign(input.ids.size(), 0);
  if (std::int64_t(sample.size()) < total && header.equal == 0) {
    Points centre = Points::Zero(columns, header.groups);
    std::vector<double> square(std::size_t(header.groups));
    if (comm.root()) {
      centre = found.centre;
      std::ranges::copy(found.centre_square, square.begin());
    }
    comm.broadcast(std::span(centre.data(), std::size_t(centre.size())));
    comm.broadcast(std::span(square));
    assign_to_nearest(input.vectors, scale, centre, square, result.group, comm, device, kernels);
  }
  for (std::size_t i = 0; i < input.ids.size(); ++i) {
    const auto place = std::ranges::lower_bound(sample, input.ids[i]);
    if (place != sample.end() && *place == input.ids[i])
      result.group[i] = found.group[std::size_t(place - sample.begin())];
    else if (header.equal != 0)
      result.group[i] = std::int32_t(input.ids[i] % header.groups);
  }
  return header;
}

// New groups take the names of the previous ones that they overlap most in total (the assignment
// problem). With fewer groups than before, only names below the new number can be kept.
void keep_names(std::span<const std::int32_t> previous, std::int64_t groups,
                std::vector<std::int32_t>& group, const Comm& comm) {
  Matrix<std::int64_t> overlap(groups, groups);
  for (std::size_t i = 0; i < group.size(); ++i)
    if (previous[i] >= 0 && previous[i] < groups) ++overlap(group[i], previous[i]);
  comm.sum(overlap.span());
  const auto name = best_assignment(overlap);
  for (auto& g : group) g = name[std::size_t(g)];
}

std::int64_t sample_limit(const Config& config, GroupBounds bounds) {
  return std::max(config.gfmfr.landmarks, bounds.most);
}

void by_vectors(const Config& config, const GroupingInput& input, std::int64_t total,
                std::int64_t round, GroupingResult& result, const Comm& comm,
                const std::shared_ptr<gpu::Device>& device, const Kernels& kernels) {
  // a rank may have no participant
  const std::int64_t columns = comm.max(input.ids.empty() ? std::int64_t(0) : input.vectors.cols);
  FEDFUSE_CHECK(columns > 0, "participants are grouped by vectors of at least one column");
  FEDFUSE_CHECK(input.ids.empty() || input.vectors.cols == columns,
                "all ranks hold vectors of the same width");
  const auto bounds = bounds_for(config, total);
  const auto sample =
      choose_sample(input.ids, total, sample_limit(config, bounds), config.federation.seed, comm);
  const auto found = cluster_everyone(config, input, total, columns, round, sample, bounds, result,
                                      comm, device, kernels);
  result.sizes.assign(std::size_t(found.groups), 0);
  result.components = found.components;
  result.method = describe(config.gfmfr, found, total, std::int64_t(sample.size()), columns,
                           bounds.least < bounds.most);
  keep_names(input.previous, found.groups, result.group, comm);
}

void by_fixed(FixedGroups fixed, std::string method, GroupingResult& result) {
  result.group = std::move(fixed.group);
  result.sizes.assign(std::size_t(fixed.groups), 0);
  result.method = std::move(method);
}

}  // namespace

GroupingResult group_clients(const Config& config, const GroupingInput& input, std::int64_t round,
                             const Comm& comm, const std::shared_ptr<gpu::Device>& device,
                             const Kernels& kernels) {
  const auto mine = input.ids.size();
  FEDFUSE_CHECK(input.previous.size() == mine, "a previous group, or -1, for each participant");
  FEDFUSE_CHECK(std::ranges::is_sorted(input.ids),
                "participants come in ascending order of their ids");
  const auto total = comm.sum(std::int64_t(mine));
  GroupingResult result;
  result.method = "no participants";
  if (total == 0) {
    result.sizes.assign(std::size_t(config.gfmfr.groups), 0);
    return result;
  }
  if (config.gfmfr.group_by == GroupBy::random) {
    by_fixed(random_groups(config, input.ids),
             cat("random, fixed for the run, ", config.gfmfr.groups, " groups"), result);
  } else if (config.gfmfr.group_by == GroupBy::labels) {
    by_fixed(label_groups(config, input.ids, input.labels, comm), "labels of the data set", result);
  } else {
    FEDFUSE_CHECK(input.vectors.rows == std::int64_t(mine), "a vector for each participant");
    by_vectors(config, input, total, round, result, comm, device, kernels);
  }
  for (std::size_t i = 0; i < mine; ++i) {
    ++result.sizes[std::size_t(result.group[i])];
    result.moved += std::int64_t(input.previous[i] >= 0 && input.previous[i] != result.group[i]);
  }
  comm.sum(std::span(result.sizes));
  result.moved = comm.sum(result.moved);
  return result;
}

std::int64_t grouping_device_bytes(const Config& config, std::int64_t columns, std::int64_t mine,
                                   std::int64_t total) {
  if (columns == 0 || config.gfmfr.group_by == GroupBy::random ||
      config.gfmfr.group_by == GroupBy::labels)
    return 0;
  const auto bounds = bounds_for(config, total);
  const std::int64_t sampled = std::min(total, sample_limit(config, bounds)),
                     rows = seed_candidates(bounds.most);
  const auto of_points = config.gfmfr.cluster == ClusterMethod::kmeans
                             ? kmeans::points_device_bytes(sampled, columns, bounds.most, rows)
                             : 0;
  const auto of_nearest =
      sampled < total ? kmeans::nearest_device_bytes(mine, columns, bounds.most) : 0;
  return std::max(of_points, of_nearest);  // one after the other
}

}  // namespace fedfuse
