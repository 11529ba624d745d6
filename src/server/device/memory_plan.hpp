#pragma once
// What a round needs of a device, in bytes, before anything is allocated.
#include <cstdint>
#include <string>

#include "core/config.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "server/device/chunk_buffers.hpp"
#include "server/device/chunks.hpp"

namespace fedfuse {

// one trains while another's numbers travel, beside one of a few large clients
inline constexpr int chunks_in_flight = 3;

struct MemoryPlan {
  ChunkLimits limits;          // of a chunk, shrunk until all in flight fit
  bool stores_uploads = true;  // else the second pass trains again
  // clients' private numbers live on the device; else they cross with their chunk
  bool state_resident = true;
  std::int64_t engine_bytes = 0;  // data, views, sums (engine_buffers.hpp)
  // of the server's own steps, at most: grouping, teacher, item views; and of an evaluation
  std::int64_t server_bytes = 0;
  std::int64_t state_bytes = 0;  // of the resident state
  std::int64_t chunk_bytes = 0;  // of one chunk at work
  // of what is kept for the second pass: of all participants, or of the chunks in flight
  std::int64_t upload_bytes = 0;
  [[nodiscard]] std::int64_t needed() const {
    return engine_bytes + server_bytes + state_bytes + chunks_in_flight * chunk_bytes +
           upload_bytes;
  }
};

// What the plan knows of the device.
struct DeviceLimits {
  ChunkLimits limits{};             // of a chunk, at most
  std::int64_t scratch_floats = 0;  // of the launch that needs most (local_train's plans)
  std::int64_t free_bytes = 0;
  std::string device{};    // its name
  std::int64_t ranks = 1;  // all of the run: they share the item views
};

// What fits, in this order: uploads kept (else a second training), the state resident (else a
// crossing that training may hide), large chunks. InputError that names the needed and the free
// bytes when not even the smallest chunks fit.
[[nodiscard]] MemoryPlan plan_memory(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, const DeviceLimits& device);

// What the buffers of a chunk of this plan are made of.
[[nodiscard]] ChunkSizes chunk_sizes(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, const MemoryPlan& plan,
                                     std::int64_t scratch_floats);

// Whether an evaluation ranks the clients on the device: its memory is in the plan then, taken
// between rounds and given back.
[[nodiscard]] bool device_ranks_clients(const ModelSpec& spec);

}  // namespace fedfuse
