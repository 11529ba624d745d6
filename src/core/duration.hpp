#pragma once
#include <string>

namespace fedfuse {

// Seconds of "90", "90s", "30m", "12h", "1d" or "1h30m"; a plain number is seconds. Negative: it is
// none of these.
[[nodiscard]] double seconds_of(const std::string& text);

}  // namespace fedfuse
