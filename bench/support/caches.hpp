#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace fedfuse::bench {

// A cache of data that a core reaches.
struct Cache {
  int level = 0;
  std::size_t bytes = 0;
  int sharers = 1;  // processors that have it together
  bool operator==(const Cache&) const = default;
};
// The nearest first, as the system describes them; none where it does not.
// folder: index0, index1, .. with level, type, size ("32K") and shared_cpu_list ("0-3,8").
[[nodiscard]] std::vector<Cache> read_caches(
    const std::string& folder = "/sys/devices/system/cpu/cpu0/cache");

}  // namespace fedfuse::bench
