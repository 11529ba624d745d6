#include "core/gpu/launch_limits.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::gpu {

void check_launch(const simt::Dim& grid, unsigned block, std::size_t shared_bytes,
                  std::size_t parameter_bytes) {
  const auto most = [](const char* what, std::size_t value, std::size_t limit) {
    if (value > limit)
      throw InternalError(cat("emulated launch: ", value, " ", what, ", at most ", limit));
  };
  most("blocks in x", grid.x, most_blocks_x);
  most("blocks in y", grid.y, most_blocks_yz);
  most("blocks in z", grid.z, most_blocks_yz);
  most("threads of a block", block, most_threads_of_block);
  most("bytes of shared memory", shared_bytes, most_shared_bytes);
  most("bytes of parameters", parameter_bytes, most_parameter_bytes);
  if (block == 0) throw InternalError("emulated launch: a block without threads");
}

}  // namespace fedfuse::gpu
