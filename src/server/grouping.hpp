#pragma once
// GFMFR step 1 (models.md section 3): cluster the participants by their prediction functions.
// Collective; the result is the same bits for any number of ranks and threads. Groups keep their
// identity: new groups are renamed to overlap the old ones best (assignment problem).
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "kernels/production.hpp"

namespace fedfuse {

struct GroupingInput {
  // participants of this rank x p: the flattened heads, or behaviour features
  const Matrix<float>& vectors;
  std::span<const std::int32_t> ids;       // their global client ids, ascending
  std::span<const std::int32_t> previous;  // their groups so far, -1: none
  std::span<const std::int32_t> labels;    // their labels in the data, -1: none (--group-by labels)
};

struct GroupingResult {
  std::vector<std::int32_t> group;  // of each participant of this rank
  // members of each group, over all ranks; size() = groups, the chosen number where G is adaptive
  std::vector<std::int64_t> sizes;
  // e.g. "spectral on 204 participants", "spectral on 2048 landmarks, nearest centre for 997952"
  std::string method;
  std::int64_t components = 0;  // columns that were clustered (after PCA)
  std::int64_t moved = 0;       // participants, over all ranks, whose group changed
};

// strategy, cluster, groups (and bounds), pca_variance, landmarks, seed from config; at most
// max(groups, groups_max) groups, and never more than participants. No group is empty, except by
// fixed labels or at random where only a fraction takes part. Rank 0 clusters at most `landmarks`
// vectors; the ranks assign their other participants to the nearest centre. device: where the
// nearest centres and, with --cluster kmeans, Lloyd's steps are found; null: on the host. It holds
// nothing afterwards. InputError: a vector is not finite; labels are missing or more than the
// groups.
[[nodiscard]] GroupingResult group_clients(const Config& config, const GroupingInput& input,
                                           std::int64_t round, const Comm& comm,
                                           const std::shared_ptr<gpu::Device>& device = nullptr,
                                           const Kernels& kernels = {});

// Device memory that it takes at most on a rank with `mine` of `total` participants, whose vectors
// have so many columns.
[[nodiscard]] std::int64_t grouping_device_bytes(const Config& config, std::int64_t columns,
                                                 std::int64_t mine, std::int64_t total);

}  // namespace fedfuse
