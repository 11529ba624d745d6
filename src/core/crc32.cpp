#include "core/crc32.hpp"

#include <zlib.h>

namespace fedfuse {

Crc32 crc32_of(std::span<const std::byte> bytes) {
  const auto value = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  return {std::uint32_t(bytes.empty() ? 0 : value), std::int64_t(bytes.size())};
}

Crc32 joined(Crc32 first, Crc32 second) {
  return {std::uint32_t(crc32_combine(first.value, second.value, z_off_t(second.bytes))),
          first.bytes + second.bytes};
}

Crc32 joined_over_ranks(Crc32 mine, const Comm& comm) {
  Crc32 whole;
  for (const auto& part : comm.all_gather(std::span<const Crc32>(&mine, 1)))
    whole = joined(whole, part);
  return whole;
}

}  // namespace fedfuse
