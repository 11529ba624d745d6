#pragma once
// A federated data set as one rank sees it: the item side whole (it lives on the server), the
// client side only for the clients of this rank. read_dataset() loads it; generate and import write
// it.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"

namespace fedfuse {

inline constexpr std::int64_t dataset_schema = 1;

struct Dataset {
  std::string name, path;
  std::int64_t clients = 0, items = 0;  // N, M: of the whole data set
  std::int64_t train_interactions = 0;  // of the whole data set

  // item side, the same on every rank
  Matrix<float> text, image;                      // M x d_t, M x d_v; 0 columns: absent for all
  std::vector<std::uint8_t> has_text, has_image;  // M; mask_t, mask_v
  std::vector<std::int32_t> popularity;           // M: clients that train on the item (0: cold)

  // client side: the clients of this rank, ascending ids
  std::vector<std::int32_t> client_ids;   // global ids
  std::vector<std::int64_t> offsets;      // local clients + 1
  std::vector<std::int32_t> train;        // items of P_u, ascending within a client
  std::vector<std::int32_t> valid, test;  // held-out item of each local client, or -1
  std::vector<std::int32_t> label;        // planted or given group of each local client, or -1
  // local indices, most interactions first: the order of work
  std::vector<std::int32_t> heaviest_first;

  [[nodiscard]] std::int64_t local_clients() const { return std::int64_t(client_ids.size()); }
  [[nodiscard]] std::span<const std::int32_t> positives(std::int64_t local) const {
    return {train.data() + offsets[std::size_t(local)],
            std::size_t(offsets[std::size_t(local) + 1] - offsets[std::size_t(local)])};
  }
};

}  // namespace fedfuse
