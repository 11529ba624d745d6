#pragma once
#include <string>

namespace fedfuse {
// The whole file. InputError when it is absent, a folder, unreadable or empty.
[[nodiscard]] std::string read_file(const std::string& path);
}  // namespace fedfuse
