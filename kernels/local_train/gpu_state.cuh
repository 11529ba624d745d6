#pragma once
// finite[c] &= every number that client c keeps is finite: its user vector, router, personal rows.
// A kernel of its own: the training kernel has no register left for it. One block, one client.
#include "core/gpu/platform.hpp"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

constexpr unsigned state_threads = 128;

__device__ inline bool all_finite(const float* x, std::int64_t n) {
  bool finite = true;
  for (std::int64_t k = threadIdx.x; k < n; k += blockDim.x) finite = finite && isfinite(x[k]);
  return finite;
}

__global__ void __launch_bounds__(state_threads)
    check_state_kernel(const __grid_constant__ Shape shape, const __grid_constant__ GpuClients g) {
  const int c = g.order[blockIdx.x];
  const std::int64_t to = g.row_out[c];
  bool finite = true;
  if (g.user_out != nullptr)
    finite = all_finite(g.user_out + to * shape.head.user, shape.head.user);
  if (shape.views > 1)
    finite = all_finite(g.router_out + to * shape.router.size, shape.router.size) && finite;
  if (g.personal != nullptr)
    finite =
        all_finite(g.personal + g.begin[c] * shape.width, std::int64_t(g.slots[c]) * shape.width) &&
        finite;
  if (!finite) g.finite[c] = 0;  // the same from every thread
}

inline void check_state(const Shape& shape, const GpuClients& g, const gpu::Stream& stream) {
  if (g.user_out == nullptr && shape.views <= 1 && g.personal == nullptr) return;
  gpu::launch(check_state_kernel, dim3{unsigned(g.count), 1, 1}, state_threads, 0, stream, shape,
              g);
}

}  // namespace
}  // namespace fedfuse::local_train
