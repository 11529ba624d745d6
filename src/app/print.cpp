#include "app/print.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/text.hpp"

namespace fedfuse {

std::string fixed(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string grouped(std::int64_t value) {
  auto text = std::to_string(value);
  for (auto at = std::int64_t(text.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    text.insert(std::size_t(at), ",");
  return text;
}

std::string as_bytes(double bytes) {
  if (!std::isfinite(bytes)) return "-";
  constexpr std::array<const char*, 6> units{"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  return cat(fixed(bytes, unit == 0 || bytes >= 100 ? 0 : 1), " ", units[unit]);
}

std::string as_seconds(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 1) return cat(fixed(1000 * seconds, 0), " ms");
  if (seconds < 120) return cat(fixed(seconds, 1), " s");
  return cat(std::int64_t(seconds) / 60, " min ", std::int64_t(seconds) % 60, " s");
}

std::string aligned(const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> width;
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) {
      width.resize(std::max(width.size(), c + 1), 0);
      width[c] = std::max(width[c], row[c].size());
    }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      const std::string pad(width[c] - rows[r][c].size(), ' ');
      line += (c == 0 ? "" : "  ") + (c < left ? rows[r][c] + pad : pad + rows[r][c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
    if (r > 0) continue;
    std::size_t total = 2 * (width.size() - 1);
    for (const auto w : width) total += w;
    out += std::string(total, '-') + "\n";
  }
  return out;
}

}  // namespace fedfuse
