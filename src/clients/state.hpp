#pragma once
// What stays on the clients between rounds, for the clients of this rank, in flat arrays.
#include <cstdint>

#include "clients/overlay.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

struct ClientState {
  Matrix<float> theta;   // local clients x head.theta; 0 rows when the head is shared
  Matrix<float> user;    // local clients x head.user; 0 columns for a linear head
  Matrix<float> router;  // local clients x router.size; 0 columns without a router
  // FedRAP's personal rows, or PFedRec's fine-tuned rows; 0 clients without either
  OverlayStore overlay;
  // FedRAP with personal_init_std > 0: M x width, common to all; else empty
  Matrix<float> base;
  Array<float> base_scale;          // local clients: decay of the base so far
  std::vector<std::int32_t> group;  // local clients: group of GFMFR, or -1
  Matrix<float> shares;  // local clients x G: a_u of the group prior; 0 columns without one

  bool operator==(const ClientState&) const = default;
};

[[nodiscard]] ClientState init_client_state(const ModelSpec& spec, const Config& config,
                                            const Dataset& data);

}  // namespace fedfuse
