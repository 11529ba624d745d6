#pragma once
#include <string>

namespace fedfuse {

// "fedfuse 0.1.0 (commit 57e6ef3, modified)".
[[nodiscard]] std::string version_text();

}  // namespace fedfuse
