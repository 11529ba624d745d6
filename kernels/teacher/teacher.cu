// A training step in its four phases, teacher_gpu.hpp says what each does: as a kernel each, whose
// end is the beginning of the next, or all steps of an epoch in one kernel, whose blocks wait for
// each other between the phases.
#include "core/gpu/grid.cuh"
#include "kernels/teacher/gpu_gradient.cuh"
#include "kernels/teacher/gpu_hidden.cuh"

namespace fedfuse::teacher {
namespace {

constexpr auto at_once = [] {};

__global__ void __launch_bounds__(block_threads, 1)
    encode_kernel(const __grid_constant__ GpuNet n, int halves) {
  if (n.count == 0) return;  // parameters may not be there yet
  encode_task(n, Batch(n, n.state->batch), int(blockIdx.x), halves, at_once);
}
template <int Slots, bool Staged>
__global__ void __launch_bounds__(block_threads, 1)
    hidden_kernel(const __grid_constant__ GpuNet n) {
  if (n.count == 0) return;
  hidden_task<Slots, Staged>(n, Batch(n, n.state->batch), 1, int(blockIdx.x), at_once);
}
__global__ void __launch_bounds__(block_threads, 1)
    gradient_kernel(const __grid_constant__ GpuNet n) {
  if (n.count == 0) return;
  gradient_task(n, Batch(n, n.state->batch), int(blockIdx.x), at_once);
}
__global__ void __launch_bounds__(block_threads, 1) apply_kernel(const __grid_constant__ GpuNet n) {
  if (n.count == 0) return;
  stage_apply(n, int(blockIdx.x));
  apply_task(n, int(blockIdx.x));
  if (blockIdx.x != 0 || threadIdx.x != 0) return;
  ++n.state->batch;  // no thread reads them in this launch
  ++n.state->steps;
}

// The tasks of a phase, dealt to the blocks. run(task, wait): wait() returns once all blocks are
// done with the phase before.
template <class Run>
__device__ inline void phase(int tasks, const gpu::GridBarrier& barrier, Run run) {
  bool first = true;
  for (int task = int(blockIdx.x); task < tasks; task += int(gridDim.x)) {
    if (!first) __syncthreads();  // shared memory
    run(task, [&] {
      if (first) barrier.wait();
    });
    first = false;
  }
  if (first) barrier.wait();
}

// The groups' half moves once every group has its gradients; blocks without a tile of a gradient
// come first.
__device__ inline void apply_groups(const GpuNet& n, unsigned groups_done) {
  const int tasks = apply_tasks(n), mine = int(gridDim.x) - 1 - int(blockIdx.x);
  if (mine >= tasks) return;
  __syncthreads();  // shared memory
  stage_apply(n, mine);
  gpu::wait_until(&n.state->groups_done, groups_done);
  apply_task(n, mine);
  for (int task = mine + int(gridDim.x); task < tasks; task += int(gridDim.x)) {
    __syncthreads();
    stage_apply(n, task);
    apply_task(n, task);
  }
}

template <int Slots, bool Staged>
__global__ void __launch_bounds__(block_threads, 1)
    epoch_kernel(const __grid_constant__ GpuNet n, int steps, int halves) {
  gpu::GridBarrier barrier(&n.state->arrived);
  barrier.arrive();
  // what a phase can read again it does not keep in registers
#pragma unroll 1
  for (int s = 0; s < steps; ++s) {
    phase(encode_tasks(n, halves), barrier,
          [&](int task, auto wait) { encode_task(n, Batch(n, s), task, halves, wait); });
    barrier.arrive();
    phase(hidden_tasks(n), barrier, [&](int task, auto wait) {
      hidden_task<Slots, Staged>(n, Batch(n, s), s + 1, task, wait);
    });
    barrier.arrive();
    phase(gradient_tasks(n), barrier, [&](int task, auto wait) {
      gradient_task(n, Batch(n, s), task, wait);
      if (task < n.groups) gpu::signal(&n.state->groups_done);
    });
    apply_groups(n, unsigned(n.groups) * unsigned(s + 1));
    barrier.arrive();
  }
  barrier.wait();
  if (blockIdx.x != 0 || threadIdx.x != 0) return;
  n.state->batch += steps;
  n.state->steps += steps;
}

// f(Slots, Staged) as constants
template <class F>
auto with_form(const GpuNet& n, F f) {
  using std::bool_constant, std::integral_constant;
  if (n.slots_a_block() == 1)
    return n.staged ? f(integral_constant<int, 1>(), bool_constant<true>())
                    : f(integral_constant<int, 1>(), bool_constant<false>());
  return n.staged ? f(integral_constant<int, block_rows>(), bool_constant<true>())
                  : f(integral_constant<int, block_rows>(), bool_constant<false>());
}

std::size_t encode_shared(const GpuNet& n, int halves) {
  return std::max(encode_bytes(halves), std::size_t(n.at.d + n.at.d_group) * sizeof(float));
}

}  // namespace

template <>
void step<gpu::Platform>(const GpuNet& n, const gpu::Stream& stream) {
  const auto put = [&](auto kernel, int tasks, std::size_t shared, auto... more) {
    gpu::launch(kernel, dim3{unsigned(tasks), 1, 1}, block_threads, shared, stream, n, more...);
  };
  put(encode_kernel, encode_tasks(n, 2), encode_shared(n, 2), 2);
  with_form(n, [&](auto slots, auto staged) {
    put(hidden_kernel<slots(), staged()>, hidden_tasks(n), hidden_shared_bytes(n.at.d, n.staged));
  });
  put(gradient_kernel, gradient_tasks(n), gradient_bytes(n.at.d, n.staged));
  put(apply_kernel, apply_tasks(n), columns_bytes(n.at.d));
}

template <>
void epoch<gpu::Platform>(const GpuNet& n, int steps, int blocks, const gpu::Stream& stream) {
  const int d = n.at.d;
  // a second tile of a block saves a round of tiles; a single block, emulated, has rounds anyway
  const int halves = blocks > 1 && n.groups + encode_tiles(n) > blocks ? 2 : 1;
  const auto shared = std::max({encode_shared(n, halves), hidden_shared_bytes(d, n.staged),
                                gradient_bytes(d, n.staged), columns_bytes(d)});
  with_form(n, [&](auto slots, auto staged) {
    gpu::launch_together(epoch_kernel<slots(), staged()>, dim3{unsigned(blocks), 1, 1},
                         block_threads, shared, stream, n, steps, halves);
  });
}

}  // namespace fedfuse::teacher
