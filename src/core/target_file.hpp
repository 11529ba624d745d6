#pragma once
// Where a portable program has the code of its targets.
#include <string>

namespace fedfuse {

// The file of that name beside this program, as it is installed or as it is built. Where there is
// none: as it should be installed.
[[nodiscard]] std::string target_file(const std::string& name);

}  // namespace fedfuse
