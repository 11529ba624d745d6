#pragma once
// Blocks of one launch that wait for each other: all of them are on the device at the same time,
// one a multiprocessor at the most. The emulation runs a block to its end before the next one
// begins, so such a launch has one block there; between blocks only hardware can race.
#include <tuple>

#include "core/gpu/platform.hpp"

namespace fedfuse::gpu {

#ifdef __CUDACC__
// Asynchronous on `stream`, as launch; grid: x alone.
template <class... Parameters, class... Arguments>
void launch_together(void (*kernel)(Parameters...), dim3 grid, unsigned block,
                     std::size_t shared_bytes, const Stream& stream, Arguments... arguments) {
  const void* function = reinterpret_cast<const void*>(kernel);
  prepare_launch(function, grid, block, shared_bytes, stream);
  std::tuple<Parameters...> parameters(arguments...);
  std::apply(
      [&](auto&... each) {
        void* all[] = {&each...};
        check_cuda(cudaLaunchCooperativeKernel(function, grid, dim3(block), all, shared_bytes,
                                               static_cast<cudaStream_t>(stream.handle())),
                   "launch of a kernel whose blocks wait for each other");
      },
      parameters);
}

__device__ inline unsigned load_acquire(const unsigned* from) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
  return value;
}
__device__ inline void add_release(unsigned* to) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(to) : "memory");
}

#else
template <class... Parameters, class... Arguments>
void launch_together(void (*kernel)(Parameters...), dim3 grid, unsigned block,
                     std::size_t shared_bytes, const Stream& stream, Arguments... arguments) {
  if (std::uint64_t(grid.x) * grid.y * grid.z != 1)
    throw InternalError("emulated blocks cannot wait for each other");
  launch(kernel, grid, block, shared_bytes, stream, arguments...);
}
inline unsigned load_acquire(const unsigned* from) { return *from; }
inline void add_release(unsigned* to) { ++*to; }
#endif

// What every thread of the block wrote is there for those who see the count.
__device__ inline void signal(unsigned* count) {
  __syncthreads();
  if (threadIdx.x == 0) add_release(count);
}
// Until the count has come to `enough` (differences below 2^31).
__device__ inline void wait_until(const unsigned* count, unsigned enough) {
  if (threadIdx.x == 0)
    while (int(load_acquire(count) - enough) < 0) {
    }
  __syncthreads();
}

// Between arrive and wait a block may do what does not depend on the others.
class GridBarrier {
 public:
  // count: 0 before the launch
  __device__ explicit GridBarrier(unsigned* count) : count_(count) {}
  __device__ void arrive() {
    signal(count_);
    enough_ += gridDim.x;
  }
  __device__ void wait() const { wait_until(count_, enough_); }

 private:
  unsigned* count_;
  unsigned enough_ = 0;
};

}  // namespace fedfuse::gpu
