#pragma once
// Clients' private numbers where they train. Each client's stand there twice: a round reads one
// place and writes the other, so it may train a client again, or fail, and what was still stands; a
// commit moves no number, it changes which place counts. The host's copy is updated when a
// checkpoint or an evaluation reads it.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "clients/state.hpp"
#include "core/gpu/device.hpp"
#include "model/spec.hpp"

namespace fedfuse {

class ResidentState {
 public:
  // clients: of this rank.
  ResidentState(const std::shared_ptr<gpu::Device>& device, const ModelSpec& spec,
                std::int64_t clients, int threads);
  // of the device
  [[nodiscard]] static std::int64_t bytes(const ModelSpec& spec, std::int64_t clients);

  // What the device holds becomes what the host has.
  void adopt(const ClientState& state);
  // Rows of the three tables: where client u's numbers stand, and where the round that is under way
  // leaves them.
  [[nodiscard]] std::int32_t row(std::int32_t u) const { return place(u, side_[std::size_t(u)]); }
  [[nodiscard]] std::int32_t next_row(std::int32_t u) const {
    return place(u, !side_[std::size_t(u)]);
  }
  // private heads; null when the head is shared
  [[nodiscard]] float* theta() const { return tables_.theta.data(); }
  [[nodiscard]] float* user() const { return tables_.user.data(); }
  [[nodiscard]] float* router() const { return tables_.router.data(); }

  // What a round left of these clients counts from now on.
  void commit(std::span<const std::int32_t> clients);
  // The host's numbers of all clients with rounds committed since the last time.
  void bring_home(ClientState& state);

 private:
  struct Tables {
    gpu::Buffer<float> theta, user, router;  // each 2 clients x width
    template <class Each>
    void list(const ModelSpec& spec, std::int64_t clients, Each&& each) {
      each(theta, 2 * clients * (spec.shares_head ? 0 : spec.head.theta));
      each(user, 2 * clients * spec.head.user);
      each(router, 2 * clients * spec.router.size);
    }
  };
  // A part of a table on its way home.
  struct TileBuffers {
    gpu::Buffer<std::int32_t> rows;
    gpu::Buffer<float> numbers;
    gpu::Pinned<std::int32_t> rows_host;
    gpu::Pinned<float> numbers_host;
    template <class Each>
    void list(const ModelSpec& spec, std::int64_t clients, Each&& each) {
      const auto size = tile_size(spec, clients);
      each(rows, size.rows);
      each(numbers, size.floats);
      each(rows_host, size.rows);
      each(numbers_host, size.floats);
    }
  };
  struct Tile : TileBuffers {
    explicit Tile(const std::shared_ptr<gpu::Device>& device) : stream(device, gpu::Use::overlap) {}
    gpu::Stream stream;
    std::span<const std::int32_t> clients;
  };
  struct TileSize {
    std::int64_t rows, floats;
  };
  // At least a row of the widest table, no more than all clients ask for.
  [[nodiscard]] static TileSize tile_size(const ModelSpec& spec, std::int64_t clients);
  [[nodiscard]] std::int32_t place(std::int32_t u, bool second) const {
    return u + (second ? std::int32_t(side_.size()) : 0);
  }
  // numbers: 2 clients x to.cols
  void fetch(const gpu::Buffer<float>& numbers, Matrix<float>& to);
  void start(Tile& tile, const gpu::Buffer<float>& numbers, std::int64_t width,
             std::span<const std::int32_t> clients) const;
  void finish(Tile& tile, Matrix<float>& to) const;

  std::shared_ptr<gpu::Device> device_;
  int threads_;
  gpu::Stream stream_;
  Tables tables_;
  std::vector<Tile> tiles_;          // two: one travels while the other is unpacked
  std::vector<bool> side_;           // of each client: which place counts
  std::vector<bool> is_ahead_;       // the host does not have its numbers yet ...
  std::vector<std::int32_t> ahead_;  // ... the list of those
};

}  // namespace fedfuse
