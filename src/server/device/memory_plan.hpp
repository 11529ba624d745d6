#pragma once
// What a round needs of a device, in bytes, before anything is allocated.
#include <cstdint>
#include <string>

#include "core/config.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "server/device/chunks.hpp"

namespace fedfuse {

// chunks in flight: one trains while another's numbers travel, beside one of a few large clients
inline constexpr int lanes = 3;

struct MemoryPlan {
  ChunkLimits limits;          // of a chunk, shrunk until two fit
  bool stores_uploads = true;  // else pass 2 trains again
  // clients' private numbers live on the device; else they cross with their chunk
  bool state_resident = true;
  std::int64_t fixed_bytes = 0;  // data, views, sums
  std::int64_t state_bytes = 0;  // of the resident state
  std::int64_t lane_bytes = 0;   // of one chunk at work
  // of what is kept for pass 2: of all participants, or of the chunks at work
  std::int64_t upload_bytes = 0;
  [[nodiscard]] std::int64_t needed() const {
    return fixed_bytes + state_bytes + lanes * lane_bytes + upload_bytes;
  }
};

// What there is room for, in this order: uploads kept (else a second training), the state resident
// (else a crossing that training may hide), large chunks. usual: of a chunk when memory is no
// matter. free: bytes that this rank may take. InputError that names the needed and the free bytes
// when not even the smallest chunks fit. ranks: over which the items of the server's views are
// spread.
[[nodiscard]] MemoryPlan plan_memory(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, const ChunkLimits& usual,
                                     std::int64_t scratch_bytes, std::int64_t free,
                                     const std::string& device, std::int64_t ranks = 1);

// Whether an evaluation ranks the clients on the device: its memory is in the plan then, taken
// between rounds and given back.
[[nodiscard]] bool device_ranks_clients(const ModelSpec& spec);

}  // namespace fedfuse
