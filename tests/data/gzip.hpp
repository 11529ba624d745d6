#pragma once
// gzip data without a compressor: one stored block (RFC 1951, 3.2.4) between header and trailer.
#include <span>
#include <string>
#include <string_view>

#include "core/crc32.hpp"

namespace fedfuse::test {

inline std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int k = 0; k < bytes; ++k) text += char(value >> (8 * k) & 0xff);
  return text;
}

// text: fewer than 2^16 bytes
inline std::string gzip(std::string_view text) {
  const auto size = std::uint32_t(text.size());
  const auto sum = crc32_of(std::span(text.data(), text.size())).value;
  const std::string header("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  return header + '\x01' + little_endian(size, 2) + little_endian(~size, 2) + std::string(text) +
         little_endian(sum, 4) + little_endian(size, 4);
}

}  // namespace fedfuse::test
