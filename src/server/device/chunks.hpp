#pragma once
// How the participants of a rank are cut into launches. Nothing here decides a bit: a client's
// launch depends on its own size alone.
#include <cstdint>
#include <vector>

#include "data/dataset.hpp"

namespace fedfuse {

// One launch of each kernel.
struct Chunk {
  std::vector<std::int32_t> positions;  // in the list of participants; most interactions first
  // where each client's samples of an epoch begin, and the end
  std::vector<std::int64_t> begin{0};
  // no client of the chunk has more samples: that of its bucket, not of the chunk
  std::int64_t bound = 0;
  [[nodiscard]] std::int64_t clients() const { return std::int64_t(positions.size()); }
  [[nodiscard]] std::int64_t samples() const { return begin.back(); }
};

struct ChunkLimits {
  std::int64_t samples = std::int64_t(1) << 21, clients = std::int64_t(1) << 15;
};

// Samples of one client in an epoch: its positives and q negatives for each.
[[nodiscard]] std::int64_t samples_of(const Dataset& data, std::int64_t local,
                                      std::int64_t per_positive);
// The bucket of a client: the next multiple of 32, whole tiles of the training's products, up to
// 256; the next power of two beyond. A bucket's clients share the plan of a launch.
[[nodiscard]] std::int64_t bucket_bound(std::int64_t samples);
// local: clients of this rank. A client beyond limits.samples is a chunk of its own.
[[nodiscard]] std::vector<Chunk> cut_into_chunks(const Dataset& data,
                                                 const std::vector<std::int32_t>& local,
                                                 std::int64_t per_positive,
                                                 const ChunkLimits& limits);

}  // namespace fedfuse
