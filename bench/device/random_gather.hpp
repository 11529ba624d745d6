#pragma once
// Rows of 256 bytes at random places of a table, gathered one after the other: what memory gives to
// the reads of aggregate, which meet one such row an update. It moves as many bytes as a copy of
// the table; that the rows stand anywhere is the only difference.
#include <cstdint>
#include <memory>

#include "core/gpu/device.hpp"

namespace fedfuse::bench {

class RandomGather {
 public:
  static constexpr std::int64_t width = 64;  // floats
  // Each row once, in random order. The table's contents are the caller's.
  RandomGather(const std::shared_ptr<gpu::Device>& device, std::int64_t rows);
  void launch(const gpu::Stream& stream) const;  // asynchronous
  [[nodiscard]] double bytes() const { return 8.0 * double(width) * double(rows_.size()); }

  [[nodiscard]] gpu::Buffer<float>& table() { return table_; }
  [[nodiscard]] const gpu::Buffer<float>& gathered() const { return gathered_; }
  [[nodiscard]] const gpu::Buffer<std::int32_t>& rows() const { return rows_; }

 private:
  gpu::Buffer<float> table_, gathered_;
  gpu::Buffer<std::int32_t> rows_;
};

}  // namespace fedfuse::bench
