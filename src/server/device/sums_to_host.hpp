#pragma once
// Sums on their way from a device to the host, in tiles: while one is merged there, or added over
// the hosts with MPI, the next one is copied, and those after it are added over the devices.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/gpu/reducer.hpp"

namespace fedfuse {

class SumsToHost {
 public:
  // numbers: 8 MiB, some ten times what a message's start costs
  static constexpr std::int64_t usual_tile = std::int64_t(1) << 20;

  explicit SumsToHost(std::shared_ptr<gpu::Device> device, std::int64_t tile_words = usual_tile);

  // Tables of sums, one after the other, each rows x width.
  struct Tables {
    std::size_t count = 0;
    std::int64_t rows = 0, width = 0;
  };
  // from: begins with `tables`. take: rows [first, first + rows.size() / width) of a table, in
  // order, the same tiles on every rank. reducer: adds them over the devices first (collective);
  // null: they are this rank's alone. No other work may use `from` meanwhile.
  using Take = std::function<void(std::size_t table, std::int64_t first,
                                  std::span<const std::int64_t> rows)>;
  void fetch(const gpu::Buffer<std::int64_t>& from, const Tables& tables, gpu::Reducer* reducer,
             const Take& take);

 private:
  static constexpr std::size_t in_flight = 2;
  std::shared_ptr<gpu::Device> device_;
  std::int64_t tile_words_;
  gpu::Stream adding_;
  std::array<gpu::Stream, in_flight> copying_;
  std::array<gpu::Pinned<std::int64_t>, in_flight> tile_;
};

}  // namespace fedfuse
