#pragma once
// SHA-256 (FIPS 180-4), as sha256sum and Python's hashlib compute it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace fedfuse {

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  // The bytes of values as they lie in memory.
  template <class T>
    requires std::is_arithmetic_v<T>
  void add(std::span<const T> values) {
    add(std::as_bytes(values));
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  void add(T value) {
    add(std::span<const T>(&value, 1));
  }
  // Of all bytes so far. Nothing may be added after it.
  [[nodiscard]] Digest finish();

 private:
  void add_block(const std::byte* block);
  static constexpr std::size_t block_bytes = 64;
  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, block_bytes> pending_{};
  std::uint64_t bytes_ = 0;
};

[[nodiscard]] std::string hex(const Digest& digest);  // 64 digits
[[nodiscard]] std::string sha256_hex(std::string_view text);

}  // namespace fedfuse
