#pragma once
// What a CUDA device of compute capability 9.0 takes of a launch; the emulation refuses the rest.
// How many registers a block may have, ptxas tells (check_ptxas).
#include <cstddef>

#include "core/gpu/simt.hpp"

namespace fedfuse::gpu {

inline constexpr unsigned most_blocks_x = 2147483647, most_blocks_yz = 65535,
                          most_threads_of_block = 1024;
inline constexpr std::size_t most_shared_bytes = 227 << 10;  // of a block of sm_90, when asked for
inline constexpr std::size_t most_parameter_bytes = 32764;

// InternalError: a device would refuse this launch.
void check_launch(const simt::Dim& grid, unsigned block, std::size_t shared_bytes,
                  std::size_t parameter_bytes);

}  // namespace fedfuse::gpu
