// One thread block, one client (R8).
#include "core/error.hpp"
#include "kernels/local_train/gpu_head_linear.cuh"
#include "kernels/local_train/gpu_head_mlp.cuh"
#include "kernels/local_train/gpu_head_neumf.cuh"
#include "kernels/local_train/gpu_prior.cuh"
#include "kernels/local_train/gpu_round.cuh"
#include "kernels/local_train/gpu_state.cuh"

namespace fedfuse::local_train {
namespace {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr bool pairs_fit = false;  // 164 kB of shared memory hold one
#else
constexpr bool pairs_fit = true;
#endif
constexpr int bound_of_threads(bool routed, bool all_in_shared, int d) {
  return all_in_shared && d > 0 ? usual_threads : most_threads(routed, all_in_shared);
}
template <class Head>
constexpr int bound_of_blocks(bool routed, bool all_in_shared, int d) {
  const bool pairs = routed ? Head::pairs_routed : Head::pairs;
  return pairs_fit && pairs && all_in_shared && d > 0 ? 2 : 1;
}

template <template <int, int> class Head, bool Routed, bool AllInShared, int D>
__global__ void __launch_bounds__(bound_of_threads(Routed, AllInShared, D),
                                  bound_of_blocks<Head<1, D>>(Routed, AllInShared, D))
    train_kernel(const __grid_constant__ Shape shape, const __grid_constant__ Rates rates,
                 const __grid_constant__ GpuPlan plan, const __grid_constant__ GpuClients g) {
  float* shared = gpu::shared<float>();
  float *weights = shared, *batch = shared;
  if constexpr (!AllInShared) {
    float* scratch = g.scratch + std::int64_t(blockIdx.x) * plan.scratch_floats;
    batch = scratch;
    if (!plan.weights_in_shared) weights = scratch;
  }
  for (int turn = int(blockIdx.x); turn < g.count; turn += int(gridDim.x)) {
    // In shared memory rather than in every thread's registers.
    static_assert(sizeof(Mine) <= mine_floats * sizeof(float));
    Mine& mine = *reinterpret_cast<Mine*>(shared + plan.mine);
    if (threadIdx.x == 0) mine = client_of(g, shape, g.order[turn]);
    __syncthreads();
    Round<Head<held_tiles(AllInShared), D>, Routed, D> round(shape, rates, plan, g, mine, shared,
                                                             weights, batch);
    round.begin();
    const int steps = (mine.samples + g.batch - 1) / g.batch;  // of an epoch
    for (int step = 0; step < g.epochs * steps; ++step) {
      const int at = step % steps * g.batch,
                n = mine.samples - at < g.batch ? mine.samples - at : g.batch;
      round.step(mine.entries + std::int64_t(step / steps) * mine.samples + at, n, step);
    }
    round.end(g.epochs * steps);
    __syncthreads();
  }
}

constexpr int usual_d = 64;  // for which strides are constants

template <template <int, int> class Head, bool Routed>
void launch_for(const Shape& shape, const Rates& rates, const GpuPlan& plan, const GpuClients& g,
                const gpu::Stream& stream) {
  const dim3 grid{unsigned(plan.blocks > 0 && plan.blocks < g.count ? plan.blocks : g.count), 1, 1};
  const auto kernel = !plan.all_in_shared() ? train_kernel<Head, Routed, false, 0>
                      : shape.d == usual_d  ? train_kernel<Head, Routed, true, usual_d>
                                            : train_kernel<Head, Routed, true, 0>;
  gpu::launch(kernel, grid, unsigned(plan.threads), plan.shared_bytes, stream, shape, rates, plan,
              g);
}

template <template <int, int> class Head>
void launch_head(const Shape& shape, const Rates& rates, const GpuPlan& plan, const GpuClients& g,
                 const gpu::Stream& stream) {
  if (shape.views > 1)
    launch_for<Head, true>(shape, rates, plan, g, stream);
  else
    launch_for<Head, false>(shape, rates, plan, g, stream);
}

void launch(const Shape& shape, const Rates& rates, const GpuPlan& plan, const GpuClients& g,
            const gpu::Stream& stream) {
  if (plan.linear_rows > 0) return train_linear_rows<gpu::Platform>(shape, rates, plan, g, stream);
  switch (shape.head.kind) {  // as the table of local_train_gpu.cpp, which refuses other heads
    case HeadKind::linear:
      return launch_head<LinearGpu>(shape, rates, plan, g, stream);
    case HeadKind::mlp:
      return launch_head<MlpGpu>(shape, rates, plan, g, stream);
    case HeadKind::neumf:
      return launch_head<NeumfGpu>(shape, rates, plan, g, stream);
    default:
      FEDFUSE_CHECK(false, "a head without a body for devices");
  }
}

}  // namespace

template <>
void train_clients<gpu::Platform>(const Shape& shape, const Rates& rates, const GpuPlan& plan,
                                  const GpuClients& g, const gpu::Stream& stream) {
  fill_prior(g, stream);
  launch(shape, rates, plan, g, stream);
  check_state(shape, g, stream);
}

}  // namespace fedfuse::local_train
