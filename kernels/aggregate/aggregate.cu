#include "kernels/aggregate/sorted.cuh"

namespace fedfuse::aggregate {
namespace {

__global__ void __launch_bounds__(block) atomics_kernel(const __grid_constant__ GpuUpdates u) {
  for (std::int64_t e = warp_of_grid(); e < u.count; e += warps_of_grid()) {
    const std::int32_t row = u.ids[e];
    if (row < 0) continue;
    const auto weight = Word(u.weight[u.owner[e]]);
    const float scale = scale_of(u, u.owner[e]);
    for (int k = lane(); k < u.width; k += 32) {
      float x = u.delta[e * u.width + k];
      if (!fits(x, u.limit)) {
        mark(u.misfit + u.owner[e], fabsf(x));
        x = 0.0f;
      }
      atomicAdd(reinterpret_cast<Word*>(u.sums) + std::int64_t(row) * u.width + k,
                fixed_update(x, scale, weight));
    }
  }
}

__global__ void __launch_bounds__(block)
    float_atomics_kernel(const __grid_constant__ GpuUpdates u) {
  for (std::int64_t e = warp_of_grid(); e < u.count; e += warps_of_grid()) {
    const std::int32_t row = u.ids[e];
    if (row < 0) continue;
    const float alpha = float(u.weight[u.owner[e]]) * u.inverse_total;
    float worst = 0.0f;
    for (int k = lane(); k < u.width; k += 32)
      atomicAdd(u.float_sums + std::int64_t(row) * u.width + k,
                alpha * checked(u.delta[e * u.width + k], u.limit, worst));
    if (worst != 0.0f) mark(u.misfit + u.owner[e], worst);
  }
}

// A thread an entry: its client's weight to its row.
__global__ void __launch_bounds__(block) weights_kernel(const __grid_constant__ GpuUpdates u) {
  for (std::int64_t e = thread_of_grid(); e < u.count; e += threads_of_grid())
    if (u.ids[e] >= 0)
      atomicAdd(reinterpret_cast<Word*>(u.row_weight) + u.ids[e], Word(u.weight[u.owner[e]]));
}

constexpr int vectors_at_once = 8;

// Of clients c, c + 1, ..., column k: all numbers are on their way before the first is used.
template <int Clients>
__device__ inline Word sum_of(const GpuVectors& v, std::int64_t c, std::int64_t k) {
  Word weight[Clients], sum = 0;
  float x[Clients], largest = 0.0f;
#pragma unroll
  for (int j = 0; j < Clients; ++j) {
    weight[j] = Word(__ldg(v.weight + c + j));
    x[j] = v.values[(c + j) * v.width + k];
  }
#pragma unroll
  for (const float value : x) largest = gpu::max_or_nan(largest, fabsf(value));
  if (!fits(largest, v.limit))
    for (int j = 0; j < Clients; ++j) {
      float worst = 0.0f;
      x[j] = checked(x[j], v.limit, worst);
      if (worst != 0.0f) mark(v.misfit + c + j, worst);
    }
#pragma unroll
  for (int j = 0; j < Clients; ++j) sum += fixed_update(x[j], float(v.scale), weight[j]);
  return sum;
}

// A thread a column and a slice of the clients: every value is read once, neighbours read
// neighbours, and the sum is met once a slice.
__global__ void __launch_bounds__(block)
    vectors_kernel(const __grid_constant__ GpuVectors v, std::int64_t slice) {
  const std::int64_t k = thread_of_grid(), first = std::int64_t(blockIdx.y) * slice;
  if (k >= v.width) return;
  const std::int64_t end = first + slice < v.count ? first + slice : v.count;
  Word sum = 0;
  std::int64_t c = first;
  for (; c + vectors_at_once <= end; c += vectors_at_once) sum += sum_of<vectors_at_once>(v, c, k);
  for (; c < end; ++c) sum += sum_of<1>(v, c, k);
  if (sum != 0) atomicAdd(reinterpret_cast<Word*>(v.sums) + k, sum);
}

// A block a client: its room of views (begin[c + 1] - begin[c]) entries.
__global__ void __launch_bounds__(block)
    address_kernel(const __grid_constant__ GpuUploads u, std::int32_t* ids, std::int32_t* owner) {
  for (int c = int(blockIdx.x); c < u.count; c += int(gridDim.x)) {
    const std::int64_t first = u.begin[c], room = u.views * (u.begin[c + 1] - first),
                       slots = u.slots[c];
    for (std::int64_t at = threadIdx.x; at < room; at += blockDim.x) {
      const std::int64_t view = slots == 0 ? u.views : at / slots, e = u.views * first + at;
      const std::int64_t table = view >= u.views      ? -1
                                 : u.table == nullptr ? view
                                 : view > 0           ? -1
                                                      : std::int64_t(u.table[c]);
      ids[e] = table < 0 ? -1 : std::int32_t(table * u.rows + u.items[first + at % slots]);
      owner[e] = c;
    }
  }
}

__global__ void __launch_bounds__(block)
    fold_kernel(const __grid_constant__ GpuUploads u, const float* rates, float* delta) {
  for (int c = int(blockIdx.x); c < u.count; c += int(gridDim.x)) {
    const std::int64_t size = std::int64_t(u.slots[c]) * u.width;
    float* rows = delta + u.views * u.begin[c] * u.width;
    const float rate = rates[c];
    for (std::int64_t at = threadIdx.x; at < size; at += blockDim.x) {
      float sum = 0.0f;
      for (int j = 0; j < u.views; ++j) sum -= rate * rows[j * size + at];
      rows[at] = sum;
    }
  }
}

}  // namespace

template <>
void address_updates<gpu::Platform>(const GpuUploads& u, std::int32_t* ids, std::int32_t* owner,
                                    const gpu::Stream& stream) {
  gpu::launch(address_kernel, grid_for(std::int64_t(u.count) * block), block, 0, stream, u, ids,
              owner);
}
template <>
void fold_views<gpu::Platform>(const GpuUploads& u, const float* rates, float* delta,
                               const gpu::Stream& stream) {
  gpu::launch(fold_kernel, grid_for(std::int64_t(u.count) * block), block, 0, stream, u, rates,
              delta);
}
template <>
void add_vectors<gpu::Platform>(const GpuVectors& v, const gpu::Stream& stream) {
  // of the clients: enough blocks for any chip, few enough that sums are rarely met
  constexpr std::int64_t slices = 256;
  const std::int64_t slice =
      ((v.count + slices - 1) / slices + vectors_at_once - 1) / vectors_at_once * vectors_at_once;
  if (slice == 0 || v.width == 0) return;
  const dim3 grid{unsigned((v.width + block - 1) / block), unsigned((v.count + slice - 1) / slice),
                  1};
  gpu::launch(vectors_kernel, grid, block, 0, stream, v, slice);
}
template <>
void add_updates<gpu::Platform>(GpuMethod method, const GpuUpdates& u, std::int32_t* scratch,
                                const gpu::Stream& stream) {
  if (u.count == 0) return;
  if (u.row_weight != nullptr) gpu::launch(weights_kernel, grid_for(u.count), block, 0, stream, u);
  switch (method) {
    case GpuMethod::atomics:
      return gpu::launch(atomics_kernel, grid_for(u.count * 32), block, 0, stream, u);
    case GpuMethod::float_atomics:
      return gpu::launch(float_atomics_kernel, grid_for(u.count * 32), block, 0, stream, u);
    case GpuMethod::sorted:
      return add_sorted(u, scratch, stream);
  }
}

}  // namespace fedfuse::aggregate
