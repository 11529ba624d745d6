#include "server/device/chunks.hpp"

#include <algorithm>
#include <bit>

#include "kernels/sample/sample.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

std::int64_t samples_of(const Dataset& data, std::int64_t local, std::int64_t per_positive) {
  return sample::samples_an_epoch(std::int64_t(data.positives(local).size()), per_positive);
}

std::int64_t bucket_bound(std::int64_t samples) {
  constexpr std::int64_t tile = 32, fine = 256;
  if (samples <= fine) return std::max(tile, (samples + tile - 1) / tile * tile);
  return std::int64_t(std::bit_ceil(std::uint64_t(samples)));
}

std::vector<Chunk> cut_into_chunks(const Dataset& data, const std::vector<std::int32_t>& local,
                                   std::int64_t per_positive, const ChunkLimits& limits) {
  std::vector<Chunk> chunks;
  for (const auto position : heaviest_first(data, local)) {
    const auto samples = samples_of(data, local[std::size_t(position)], per_positive),
               bound = bucket_bound(samples);
    const bool fits = !chunks.empty() && chunks.back().bound == bound &&
                      chunks.back().clients() < limits.clients &&
                      chunks.back().samples() + samples <= limits.samples;
    if (!fits) chunks.emplace_back().bound = bound;
    auto& chunk = chunks.back();
    chunk.positions.push_back(position);
    chunk.begin.push_back(chunk.samples() + samples);
  }
  return chunks;
}

}  // namespace fedfuse
