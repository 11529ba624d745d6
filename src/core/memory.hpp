#pragma once
// What this process used and may use.
#include <cstdint>

namespace fedfuse {
[[nodiscard]] std::int64_t peak_memory_bytes();       // high-water mark of the resident set
[[nodiscard]] std::int64_t current_memory_bytes();    // resident set now
[[nodiscard]] std::int64_t available_memory_bytes();  // what the machine (or cgroup) can still give
}  // namespace fedfuse
