#pragma once
// What this process used and may use.
#include <cstdint>
#include <string>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse {

[[nodiscard]] std::int64_t peak_memory_bytes();     // high-water mark of the resident set
[[nodiscard]] std::int64_t current_memory_bytes();  // resident set now
// what the machine, the cgroup and the limit of this process's address space can still give
[[nodiscard]] std::int64_t available_memory_bytes();

struct MemoryNeed {
  std::string option;  // with its value: "--dim 512"
  double bytes = 0;    // in double: a product of options may not fit 64 bits
};
// Collective. InputError, before anything is allocated, when the sum of a rank's needs exceeds its
// share of what its node can still give. It names the option of the largest need.
void check_memory_needs(const std::vector<MemoryNeed>& needs, const Comm& comm);

}  // namespace fedfuse
