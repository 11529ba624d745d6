#pragma once
// Joining values into one string: std::format is not in GCC 12.
#include <sstream>
#include <string>

namespace fedfuse {

template <class... Parts>
[[nodiscard]] std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace fedfuse
