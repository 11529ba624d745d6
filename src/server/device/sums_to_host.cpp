#include "server/device/sums_to_host.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace fedfuse {

SumsToHost::SumsToHost(std::shared_ptr<gpu::Device> device, std::int64_t tile_words)
    : device_(std::move(device)),
      tile_words_(tile_words),
      adding_(device_),
      copying_{gpu::Stream(device_, gpu::Use::overlap), gpu::Stream(device_, gpu::Use::overlap)} {}

void SumsToHost::fetch(const gpu::Buffer<std::int64_t>& from, const Tables& tables,
                       gpu::Reducer* reducer, const Take& take) {
  const auto rows = tables.rows, width = tables.width, count = std::int64_t(tables.count);
  if (count * rows * width == 0) return;
  FEDFUSE_CHECK(count * rows * width <= std::int64_t(from.size()), "the tables lie in the buffer");
  const std::int64_t tile_rows = std::clamp<std::int64_t>(tile_words_ / width, 1, rows),
                     tiles = (rows + tile_rows - 1) / tile_rows;
  for (auto& tile : tile_)
    if (std::int64_t(tile.size()) < tile_rows * width)
      tile = gpu::Pinned<std::int64_t>(device_, std::size_t(tile_rows * width));
  struct Tile {
    std::size_t table;
    std::int64_t first;
    std::size_t offset, words;
  };
  const auto tile_at = [&](std::int64_t k) {
    const std::int64_t table = k / tiles, first = k % tiles * tile_rows;
    return Tile{std::size_t(table), first, std::size_t((table * rows + first) * width),
                std::size_t(std::min(tile_rows, rows - first) * width)};
  };
  const auto slot = [](std::int64_t k) { return std::size_t(k) % in_flight; };
  const auto start = [&](std::int64_t k) {
    const auto t = tile_at(k);
    const auto& stream = copying_[slot(k)];
    if (reducer != nullptr) {
      reducer->sum(from.data() + t.offset, t.words, adding_);
      stream.wait_for(adding_);
    }
    from.copy_out(tile_[slot(k)].first(t.words), stream, t.offset);
  };
  const std::int64_t all = tiles * count;
  start(0);
  for (std::int64_t k = 0; k < all; ++k) {
    if (k + 1 < all) start(k + 1);
    if (reducer != nullptr)
      reducer->wait(copying_[slot(k)]);
    else
      copying_[slot(k)].synchronise();
    const auto t = tile_at(k);
    take(t.table, t.first, tile_[slot(k)].first(t.words));
  }
}

}  // namespace fedfuse
