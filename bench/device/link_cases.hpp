#pragma once
// What a round pays beside its kernels: copies over the link between host and device, and launches.
#include <vector>

#include "device/device_case.hpp"

namespace fedfuse::bench {

// Copies of 64 MiB from and to pinned and pageable memory, and both ways at once; launches of a
// kernel that does next to nothing: one after the other, each waited for, and as nodes of a graph.
[[nodiscard]] std::vector<DeviceCaseRow> link_cases();

}  // namespace fedfuse::bench
