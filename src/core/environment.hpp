#pragma once
// What surrounds the process.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fedfuse {

// "" where it is not set. It lives until the variable is changed.
[[nodiscard]] inline std::string_view environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// "unknown" where the system does not say.
[[nodiscard]] inline std::string host_name() {
  std::array<char, 256> name{};
  const bool known = ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != 0;
  return known ? name.data() : "unknown";
}

}  // namespace fedfuse
