#pragma once
#include <string>

namespace fedfuse {
// The whole file or pipe. InputError when it is absent, no file, unreadable or empty.
[[nodiscard]] std::string read_file(const std::string& path);
}  // namespace fedfuse
