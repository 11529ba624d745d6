#pragma once
// CRC-32 as zlib, gzip and Python's zlib.crc32 count it. The CRC of an array follows from those of
// its parts, so ranks that hold one block each find the same value for any number of ranks.
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/comm.hpp"

namespace fedfuse {

struct Crc32 {
  std::uint32_t value = 0;
  std::int64_t bytes = 0;

  bool operator==(const Crc32&) const = default;
};

[[nodiscard]] Crc32 crc32_of(std::span<const std::byte> bytes);
template <class T>
[[nodiscard]] Crc32 crc32_of(std::span<const T> values) {
  return crc32_of(std::as_bytes(values));
}
[[nodiscard]] Crc32 joined(Crc32 first, Crc32 second);  // of first's bytes, then second's
// of the ranks' bytes in rank order. Collective.
[[nodiscard]] Crc32 joined_over_ranks(Crc32 mine, const Comm&);

}  // namespace fedfuse
