#pragma once
// Variables of the environment.
#include <cstdlib>
#include <string_view>

namespace fedfuse {

// "" where it is not set. It lives until the variable is changed.
[[nodiscard]] inline std::string_view environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace fedfuse
