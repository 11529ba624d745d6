#include "server/device/resident_state.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "kernels/gather/gather.hpp"
#include "server/device/listed_buffers.hpp"

namespace fedfuse {
namespace {

// of a tile: 8 MiB
constexpr std::int64_t usual_floats = std::int64_t(2) << 20, most_rows = std::int64_t(1) << 16;
constexpr int tiles_in_flight = 2;

std::int64_t rows_a_tile(std::size_t rows, std::size_t floats, std::int64_t width) {
  return std::clamp<std::int64_t>(std::int64_t(floats) / width, 1, std::int64_t(rows));
}

}  // namespace

ResidentState::ResidentState(const std::shared_ptr<gpu::Device>& device, const ModelSpec& spec,
                             std::int64_t clients, int threads)
    : device_(device),
      threads_(threads),
      stream_(device),
      side_(std::size_t(clients)),
      is_ahead_(std::size_t(clients)) {
  allocate_listed(tables_, device, spec, clients);
  for (int k = 0; k < tiles_in_flight; ++k)
    allocate_listed<TileBuffers>(tiles_.emplace_back(device), device, spec, clients);
}

ResidentState::TileSize ResidentState::tile_size(const ModelSpec& spec, std::int64_t clients) {
  const std::int64_t widest =
      std::max({spec.shares_head ? 0 : spec.head.theta, spec.head.user, spec.router.size});
  return {.rows = std::min(most_rows, clients),
          .floats = std::max(widest, std::min(usual_floats, widest * clients))};
}

std::int64_t ResidentState::bytes(const ModelSpec& spec, std::int64_t clients) {
  return listed_bytes<Tables>(spec, clients).device +
         tiles_in_flight * listed_bytes<TileBuffers>(spec, clients).device;
}

void ResidentState::adopt(const ClientState& state) {
  tables_.theta.copy_in(state.theta.span(), stream_);
  tables_.user.copy_in(state.user.span(), stream_);
  tables_.router.copy_in(state.router.span(), stream_);
  stream_.synchronise();
  std::fill(side_.begin(), side_.end(), false);
  std::fill(is_ahead_.begin(), is_ahead_.end(), false);
  ahead_.clear();
}

void ResidentState::commit(std::span<const std::int32_t> clients) {
  for (const auto u : clients) {
    const auto k = std::size_t(u);
    side_[k] = !side_[k];
    if (!is_ahead_[k]) {
      is_ahead_[k] = true;
      ahead_.push_back(u);
    }
  }
}

void ResidentState::bring_home(ClientState& state) {
  fetch(tables_.theta, state.theta);
  fetch(tables_.user, state.user);
  fetch(tables_.router, state.router);
  for (const auto u : ahead_) is_ahead_[std::size_t(u)] = false;
  ahead_.clear();
}

void ResidentState::fetch(const gpu::Buffer<float>& numbers, Matrix<float>& to) {
  if (to.cols == 0) return;
  const std::span<const std::int32_t> all(ahead_);
  const auto a_tile =
      std::size_t(rows_a_tile(tiles_[0].rows.size(), tiles_[0].numbers.size(), to.cols));
  const auto tiles = (all.size() + a_tile - 1) / a_tile;
  for (std::size_t k = 0; k < tiles + tiles_.size(); ++k) {
    auto& tile = tiles_[k % tiles_.size()];
    if (k >= tiles_.size()) finish(tile, to);
    if (k < tiles)
      start(tile, numbers, to.cols,
            all.subspan(k * a_tile, std::min(a_tile, all.size() - k * a_tile)));
  }
}

void ResidentState::start(Tile& tile, const gpu::Buffer<float>& numbers, std::int64_t width,
                          std::span<const std::int32_t> clients) const {
  tile.clients = clients;
  for (std::size_t i = 0; i < clients.size(); ++i) tile.rows_host[i] = row(clients[i]);
  tile.rows.copy_in(tile.rows_host.first(clients.size()), tile.stream);
  const gather::Problem problem{.count = std::int64_t(clients.size()),
                                .width = width,
                                .from = numbers.data(),
                                .rows = tile.rows.data(),
                                .to = tile.numbers.data()};
  gpu::on_platform(*device_, [&]<class P>(P) { gather::gather_rows<P>(problem, tile.stream); });
  tile.numbers.copy_out(tile.numbers_host.first(clients.size() * std::size_t(width)), tile.stream);
}

void ResidentState::finish(Tile& tile, Matrix<float>& to) const {
  tile.stream.synchronise();
  for_each_in_blocks(std::int64_t(tile.clients.size()), threads_, [&](std::int64_t i) {
    std::copy_n(&tile.numbers_host[std::size_t(i * to.cols)], to.cols,
                to.row(tile.clients[std::size_t(i)]));
  });
  tile.clients = {};
}

}  // namespace fedfuse
