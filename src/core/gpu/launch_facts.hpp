#pragma once
// What a launch asked of a device, for benchmarks that list the launches of a stream.
#include <cstddef>
#include <cstdint>
#include <string>

namespace fedfuse::gpu {

struct LaunchFacts {
  std::string kernel;  // its name, where the platform knows it
  std::uint64_t blocks = 0;
  unsigned threads = 0;  // of a block
  std::size_t shared_bytes = 0;
  // Blocks that a multiprocessor holds at once, by registers, shared memory and threads; 0: not
  // known (the emulated device).
  int fit = 0;
};

#ifdef FEDFUSE_HAVE_CUDA
// function: a kernel of the current device.
[[nodiscard]] LaunchFacts cuda_launch_facts(const void* function, std::uint64_t blocks,
                                            unsigned threads, std::size_t shared_bytes);
#endif

}  // namespace fedfuse::gpu
