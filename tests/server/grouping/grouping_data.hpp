#pragma once
// Planted vectors for the tests of grouping, and one way to run it: client i of a whole matrix goes
// to some rank, and the groups of all come back in the order of the clients.
#include <cstdint>
#include <vector>

#include "core/rng.hpp"
#include "server/grouping.hpp"

namespace fedfuse::test {

// The options of a grouping.
inline Config with(std::int64_t groups, ClusterMethod cluster, double pca = 1.0,
                   std::int64_t landmarks = 2048) {
  Config config;
  config.gfmfr.groups = groups;
  config.gfmfr.cluster = cluster;
  config.gfmfr.pca_variance = pca;
  config.gfmfr.landmarks = landmarks;
  return config;
}

struct Planted {
  Matrix<float> vectors;
  std::vector<std::int32_t> label;
};

// Points around `groups` random centres of spread 1, plus noise; sizes as even as can be.
inline Planted planted_vectors(std::int64_t n, std::int64_t columns, std::int64_t groups,
                               double noise, std::uint64_t seed = 1) {
  const Rng rng(seed, Purpose::test);
  Planted data{Matrix<float>(n, columns), {}};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto g = (i * 7 + i / 3) % groups;
    data.label.push_back(std::int32_t(g));
    for (std::int64_t j = 0; j < columns; ++j)
      data.vectors(i, j) = float(rng.normal(std::uint64_t(g), 1, std::uint32_t(j)) +
                                 noise * rng.normal(std::uint64_t(i), 2, std::uint32_t(j)));
  }
  return data;
}

// A client's rank: neither contiguous nor even.
inline int rank_of(std::int64_t client, int ranks) {
  return int((client * client + client / 5) % ranks);
}

// Runs group_clients with the clients spread over comm's ranks; result.group is of all clients.
inline GroupingResult group_all(const Config& config, const Matrix<float>& vectors,
                                const std::vector<std::int32_t>& previous, const Comm& comm,
                                const std::vector<std::int32_t>& labels = {},
                                const std::shared_ptr<gpu::Device>& device = nullptr) {
  std::vector<std::int32_t> ids, own_previous, own_labels;
  Matrix<float> own(0, vectors.cols);
  for (std::int64_t i = 0; i < vectors.rows; ++i) {
    if (rank_of(i, comm.size()) != comm.rank()) continue;
    ids.push_back(std::int32_t(i));
    own_previous.push_back(previous.empty() ? -1 : previous[std::size_t(i)]);
    own_labels.push_back(labels.empty() ? -1 : labels[std::size_t(i)]);
    own.values.insert(own.values.end(), vectors.row(i), vectors.row(i) + vectors.cols);
    ++own.rows;
  }
  auto result = group_clients(config, {own, ids, own_previous, own_labels}, 3, comm, device);
  const auto all_ids = comm.all_gather(std::span<const std::int32_t>(ids));
  const auto all_groups = comm.all_gather(std::span<const std::int32_t>(result.group));
  result.group.assign(std::size_t(vectors.rows), -1);
  for (std::size_t i = 0; i < all_ids.size(); ++i)
    result.group[std::size_t(all_ids[i])] = all_groups[i];
  return result;
}

}  // namespace fedfuse::test
