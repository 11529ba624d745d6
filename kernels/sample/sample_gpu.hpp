#pragma once
// sample on a device: one thread block, one client. The formula is sample.hpp's; the layout is what
// kernels/local_train reads.
#include <cstddef>
#include <cstdint>

#include "core/gpu/device.hpp"
#include "core/rng.hpp"

namespace fedfuse::sample {

// The clients of one launch; every pointer is into the device. Client c (0-based in its launch)
// owns the room [begin[c], begin[c + 1]), at least n.
struct GpuSampling {
  int count = 0;
  const std::int32_t* local = nullptr;  // count: row of client c in the five arrays of all clients
  const std::int32_t* ids = nullptr;
  const std::int64_t* offsets = nullptr;  // of each client's positives, and the end
  const std::int32_t* train = nullptr;    // positives, ascending within a client
  const std::int32_t *valid = nullptr, *test = nullptr;
  const std::int32_t* listed = nullptr;  // the pool; null: all items
  std::uint32_t pool = 0, round = 0;
  bool spare_held_out = false, in_order = false;
  int per_positive = 4, epochs = 1, batch = 256;
  Rng negatives, shuffle;
  const std::int64_t* begin = nullptr;  // count + 1
  // out
  std::int32_t* samples = nullptr;  // n of client c
  std::int32_t* slots = nullptr;
  std::int32_t* items = nullptr;  // in the room: of each slot, ascending; -1 behind them
  std::int32_t* drawn = nullptr;  // in the room: scratch
  // at epochs * begin[c], epoch after epoch: slot | positive << 31
  std::int32_t* entries = nullptr;
};

struct GpuSamplePlan {
  unsigned threads = 64;
  // else a client is worked on in its room: one of tens of thousands of samples
  bool in_shared = true;
  std::size_t shared_bytes = 0;
};
// most: samples n of the largest client of the launch. shared_limit: bytes of a block.
[[nodiscard]] GpuSamplePlan gpu_sample_plan(std::int64_t most, int epochs,
                                            std::size_t shared_limit);

// Asynchronous on the stream.
template <class Platform>
void draw_clients(const GpuSamplePlan& plan, const GpuSampling& sampling,
                  const gpu::Stream& stream);
template <>
void draw_clients<gpu::Cuda>(const GpuSamplePlan&, const GpuSampling&, const gpu::Stream&);
template <>
void draw_clients<gpu::Emulated>(const GpuSamplePlan&, const GpuSampling&, const gpu::Stream&);

}  // namespace fedfuse::sample
