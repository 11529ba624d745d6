#pragma once
// Clients' private numbers where they train. Each client's stand there twice: a round reads one
// place and writes the other, so it may train a client again, or fail, and what was still stands; a
// commit moves no number, it changes which place counts. The host's copy is brought up to date when
// somebody asks for it: a checkpoint, an evaluation.
#include <array>
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
  [[nodiscard]] float* theta() const { return tables_[0].numbers.data(); }
  [[nodiscard]] float* user() const { return tables_[1].numbers.data(); }
  [[nodiscard]] float* router() const { return tables_[2].numbers.data(); }

  // What a round left of these clients counts from now on.
  void commit(std::span<const std::int32_t> clients);
  // The host's numbers of all clients with rounds committed since the last time.
  void bring_home(ClientState& state);

 private:
  struct Table {
    std::int64_t width = 0;
    gpu::Buffer<float> numbers;  // 2 clients x width
  };
  // A part of a table on its way home.
  struct Tile {
    explicit Tile(const std::shared_ptr<gpu::Device>& device) : stream(device) {}
    gpu::Stream stream;
    gpu::Buffer<std::int32_t> rows;
    gpu::Buffer<float> numbers;
    gpu::Pinned<std::int32_t> rows_host;
    gpu::Pinned<float> numbers_host;
    std::span<const std::int32_t> clients;
  };
  [[nodiscard]] std::int32_t place(std::int32_t u, bool second) const {
    return u + (second ? std::int32_t(side_.size()) : 0);
  }
  void fetch(const Table& table, Matrix<float>& to);
  void start(Tile& tile, const Table& table, std::span<const std::int32_t> clients) const;
  void finish(Tile& tile, Matrix<float>& to) const;

  std::shared_ptr<gpu::Device> device_;
  int threads_;
  gpu::Stream stream_;
  std::array<Table, 3> tables_;      // theta, user, router
  std::vector<Tile> tiles_;          // two: one travels while the other is unpacked
  std::vector<bool> side_;           // of each client: which place counts
  std::vector<bool> is_ahead_;       // the host does not have its numbers yet ...
  std::vector<std::int32_t> ahead_;  // ... the list of those
};

}  // namespace fedfuse
