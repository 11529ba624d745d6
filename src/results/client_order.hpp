#pragma once
// Files hold client arrays in the order of the global ids; ranks hold the clients that the work was
// split by. This moves rows between the two: rank r writes and reads the contiguous block
// BlockSplit(N, ranks) of ids, so each array is one contiguous collective transfer. Rows move in
// pieces, so that the copies stay small beside the arrays.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/error.hpp"
#include "core/matrix.hpp"

namespace fedfuse {

class ClientOrder {
 public:
  // Collective. client_ids: of this rank, ascending; together they are 0..clients-1, each once.
  ClientOrder(std::span<const std::int32_t> client_ids, std::int64_t clients, const Comm& comm);

  [[nodiscard]] std::int64_t first() const { return first_; }  // first id of this rank's block
  [[nodiscard]] std::int64_t count() const { return std::int64_t(block_row_.size()); }
  [[nodiscard]] std::int64_t local() const { return local_of_owner_.back(); }

  // Fixed rows: local clients x width -> block x width, and back. Collective.
  template <class T>
  [[nodiscard]] Array<T> to_block(std::span<const T> values, std::int64_t width) const {
    return to_block(values, width, every_one(local()), every_one(count()));
  }
  template <class T>
  [[nodiscard]] Array<T> to_local(std::span<const T> values, std::int64_t width) const {
    return to_local(values, width, every_one(count()), every_one(local()));
  }

  // Ragged rows: client k has rows [offsets[k], offsets[k+1]) of `width` values. Collective.
  template <class T>
  [[nodiscard]] Array<T> to_block(std::span<const T> values, std::int64_t width,
                                  const std::vector<std::int64_t>& local_offsets,
                                  const std::vector<std::int64_t>& block_offsets) const;
  template <class T>
  [[nodiscard]] Array<T> to_local(std::span<const T> values, std::int64_t width,
                                  const std::vector<std::int64_t>& block_offsets,
                                  const std::vector<std::int64_t>& local_offsets) const;

 private:
  static std::vector<std::int64_t> every_one(std::int64_t n);  // 0 1 2 ... n
  // the same on every rank
  [[nodiscard]] std::int64_t pieces(std::int64_t bytes_of_this_rank) const;
  Comm comm_;
  std::int64_t first_ = 0;
  // ranks + 1: local clients [r, r+1) belong to rank r's block
  std::vector<std::int64_t> local_of_owner_;
  // ranks + 1: entries [r, r+1) of block_row_ are held by rank r
  std::vector<std::int64_t> block_of_holder_;
  // row in this rank's block, by holder, ascending ids within one
  std::vector<std::int32_t> block_row_;
};

// Offsets 0, c0, c0 + c1, ... of counts.
[[nodiscard]] std::vector<std::int64_t> offsets_of(std::span<const std::int32_t> counts);

template <class T>
Array<T> ClientOrder::to_block(std::span<const T> values, std::int64_t width,
                               const std::vector<std::int64_t>& local_offsets,
                               const std::vector<std::int64_t>& block_offsets) const {
  Array<T> block(std::size_t(block_offsets.back() * width));
  const auto n = pieces(std::int64_t(values.size_bytes()));
  const auto ranks = std::size_t(comm_.size());
  for (std::int64_t piece = 0; piece < n; ++piece) {
    std::vector<std::span<const T>> send(ranks);
    for (std::size_t r = 0; r < ranks; ++r) {
      const BlockSplit split{local_of_owner_[r + 1] - local_of_owner_[r], int(n)};
      const auto begin =
          local_offsets[std::size_t(local_of_owner_[r] + split.first(int(piece)))] * width;
      const auto end =
          local_offsets[std::size_t(local_of_owner_[r] + split.first(int(piece) + 1))] * width;
      send[r] = values.subspan(std::size_t(begin), std::size_t(end - begin));
    }
    const auto received = comm_.exchange(send);
    const T* at = received.data();
    for (std::size_t r = 0; r < ranks; ++r) {
      const BlockSplit split{block_of_holder_[r + 1] - block_of_holder_[r], int(n)};
      for (auto k = split.first(int(piece)); k < split.first(int(piece) + 1); ++k) {
        const auto row = std::size_t(block_row_[std::size_t(block_of_holder_[r] + k)]);
        const auto length = (block_offsets[row + 1] - block_offsets[row]) * width;
        std::copy(at, at + length, block.data() + block_offsets[row] * width);
        at += length;
      }
    }
    FEDFUSE_CHECK(at == received.data() + received.size(),
                  "the ranks disagree on the rows of a client");
  }
  return block;
}

template <class T>
Array<T> ClientOrder::to_local(std::span<const T> values, std::int64_t width,
                               const std::vector<std::int64_t>& block_offsets,
                               const std::vector<std::int64_t>& local_offsets) const {
  Array<T> local_rows(std::size_t(local_offsets.back() * width));
  const auto n = pieces(std::int64_t(values.size_bytes()));
  const auto ranks = std::size_t(comm_.size());
  for (std::int64_t piece = 0; piece < n; ++piece) {
    std::vector<std::vector<T>> send(ranks);
    for (std::size_t r = 0; r < ranks; ++r) {
      const BlockSplit split{block_of_holder_[r + 1] - block_of_holder_[r], int(n)};
      for (auto k = split.first(int(piece)); k < split.first(int(piece) + 1); ++k) {
        const auto row = std::size_t(block_row_[std::size_t(block_of_holder_[r] + k)]);
        send[r].insert(send[r].end(), values.data() + block_offsets[row] * width,
                       values.data() + block_offsets[row + 1] * width);
      }
    }
    const auto received = comm_.exchange(send);
    const T* at = received.data();
    for (std::size_t r = 0; r < ranks; ++r) {
      const BlockSplit split{local_of_owner_[r + 1] - local_of_owner_[r], int(n)};
      const auto begin =
          local_offsets[std::size_t(local_of_owner_[r] + split.first(int(piece)))] * width;
      const auto end =
          local_offsets[std::size_t(local_of_owner_[r] + split.first(int(piece) + 1))] * width;
      std::copy(at, at + (end - begin), local_rows.data() + begin);
      at += end - begin;
    }
    FEDFUSE_CHECK(at == received.data() + received.size(),
                  "the ranks disagree on the rows of a client");
  }
  return local_rows;
}

}  // namespace fedfuse
