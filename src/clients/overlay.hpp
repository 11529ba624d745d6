#pragma once
// R1: a client's own rows over a shared table. Flat storage for all clients of a rank: one id array
// and one row array; each client owns an extent [begin, begin + capacity) of which `count` are in
// use, ids ascending. Value of row i for client u: its stored row, or base_scale[u] * base[i] where
// it has none (base: the common random start of personal rows; absent = 0).
// Not thread-safe; replace() and merge() end the life of every Rows, and their arguments must lie
// outside the store.
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"

namespace fedfuse {

class OverlayStore {
 public:
  OverlayStore() = default;
  OverlayStore(std::int64_t clients, int width);

  struct Rows {
    std::span<const std::int32_t> ids;  // ascending
    const float* rows;                  // ids.size() x width
  };
  [[nodiscard]] Rows of(std::int64_t client) const;
  [[nodiscard]] std::int64_t clients() const { return std::int64_t(extents_.size()); }
  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] std::int64_t bytes() const;
  [[nodiscard]] std::int64_t total_rows() const;

  // Replaces client's rows by (ids, rows); ids ascending, each once.
  void replace(std::int64_t client, std::span<const std::int32_t> ids, const float* rows);
  // Merges: rows with a known id are overwritten, others inserted; every other stored row is
  // multiplied by `decay` first (weight decay of the rows that no batch touched). ids ascending,
  // each once.
  void merge(std::int64_t client, std::span<const std::int32_t> ids, const float* rows,
             float decay);
  // Position of id in the client's ids, or -1.
  [[nodiscard]] std::int64_t find(std::int64_t client, std::int32_t id) const;
  bool operator==(const OverlayStore& other) const;  // same ids and rows for every client

 private:
  struct Extent {
    std::int64_t begin = 0;
    std::int32_t count = 0, capacity = 0;
  };
  // moves the extent to the end when it is too small
  void reserve(Extent& extent, std::int64_t count);
  void compact();  // gives back what moved extents left behind
  int width_ = 0;
  std::int64_t abandoned_ = 0;  // rows that belong to no extent any more
  std::vector<Extent> extents_;
  std::vector<std::int32_t> ids_;
  Array<float> rows_;
};

}  // namespace fedfuse
