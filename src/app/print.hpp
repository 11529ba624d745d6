#pragma once
// Numbers and tables for people.
#include <cstdint>
#include <string>
#include <vector>

namespace fedfuse {

[[nodiscard]] std::string fixed(double value, int digits);  // "-" when it is not a number
[[nodiscard]] std::string grouped(std::int64_t value);      // 1,234,567
[[nodiscard]] std::string as_bytes(double bytes);           // 1.4 MB
[[nodiscard]] std::string as_seconds(double seconds);       // 820 ms, 12.3 s, 4 min 10 s
// Columns as wide as their widest cell, the first `left` of them flush left; a line under the first
// row.
[[nodiscard]] std::string aligned(const std::vector<std::vector<std::string>>& rows,
                                  std::size_t left);

}  // namespace fedfuse
