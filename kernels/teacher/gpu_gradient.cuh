#pragma once
// The third phase of a step: gradients of the items' half, which move their parameters at once, and
// the way back to the groups.
#include "kernels/teacher/gpu_apply.cuh"
#include "kernels/teacher/gpu_encode.cuh"

namespace fedfuse::teacher {
namespace {

// da_l, du_l = W_g^T da_l, and e_l as it was. Shared: sums, da_l, W_g where there is room.
template <class Wait>
__device__ inline void back_to_group(const GpuNet& n, const Batch& b, int l, float* red,
                                     Wait wait) {
  const auto& at = n.at;
  const int wide = 2 * at.d;
  float *da = red + gradient_tile * tile_pitch * (block_threads / 32), *copy = da + wide;
  const float* W_g = n.values + at.W_g;
  if (n.staged) {
    stage(copy, W_g, wide * at.d);
    W_g = copy;
  }
  wait();
  const auto row = [&](int pair) -> const float* {
    return Place(n, b, pair).group == l ? n.g + std::int64_t(pair) * wide : nullptr;
  };
  sum_rows(b.pairs, row, wide, red, [&](int k, const float4& sum) {
    store4(da + k, sum);
    store4(n.da + l * wide + k, sum);
  });
  rows_times<1>(da, wide, n.values + at.W_g, at.d, red,
                [&](int, int k, const float4& sum) { store4(n.du + l * at.d + k, sum); });
  for (int k = int(threadIdx.x); k < at.d_group; k += block_threads)
    n.e_old[l * at.d_group + k] = n.values[at.e + l * at.d_group + k];
}

// The biases, and the loss of the batch.
__device__ inline void finish_batch(const GpuNet& n, const Batch& b, float* red) {
  const auto& at = n.at;
  sum_rows(
      b.pairs, [&](int pair) { return n.q + std::int64_t(pair) * at.d; }, at.d, red,
      [&](int k, const float4& sum) { apply_four(n, at.b2 + k, sum); });
  sum_rows(
      b.slots, [&](int slot) { return n.dx + std::int64_t(slot) * 2 * at.d; }, 2 * at.d, red,
      [&](int k, const float4& sum) { apply_four(n, at.a_tv + k, sum); });
  double squares = 0;
  for (int k = int(threadIdx.x); k < over(b.slots, n.slots_a_block()); k += block_threads)
    squares += n.squares[k];
  __syncthreads();
  squares = block_sum(squares, reinterpret_cast<double*>(red));
  if (threadIdx.x == 0) n.state->squares += squares / double(at.d);
}

// A task for each group, one for the biases, one for each tile of W2, [W_t W_v], A_t and A_v.
__host__ __device__ constexpr int gradient_tasks(const GpuNet& n) {
  const int d = n.at.d, across = over(d, gradient_tile), twice = over(2 * d, gradient_tile);
  return n.groups + 1 + across * twice + twice * twice +
         across * (over(n.at.d_text, gradient_tile) + over(n.at.d_image, gradient_tile));
}
constexpr std::size_t gradient_bytes(int d, bool staged) {
  const int W_g = staged ? 2 * d * d : 0;
  return std::size_t(gradient_tile * tile_pitch * (block_threads / 32) + 2 * d + W_g) *
         sizeof(float);
}

// The task-th tile of all gradients: M x N, sum over k < count of a(k) b(k)^T, from row m0 and
// column n0 on. b(k): row k, or the row of the item that slot k reads, null where it has none.
struct GradientTile {
  int count, a_pitch, M, N, to, m0 = 0, n0 = 0;
  const float *a, *b;
  const std::int32_t* row = nullptr;
  __device__ GradientTile(const GpuNet& n, const Batch& batch, int task) {
    const int d = n.at.d, wide = 2 * d;
    const bool found = is(task, batch.pairs, n.q, d, n.h, d, wide, n.at.W2) ||
                       is(task, batch.slots, n.dc, wide, n.x, wide, wide, n.at.W_tv);
    if (found) return;
    row = n.row;
    if (is(task, batch.slots, n.dx, wide, n.text, d, n.at.d_text, n.at.A_t)) return;
    row = n.row + n.slots;
    (void)is(task, batch.slots, n.dx + d, wide, n.image, d, n.at.d_image, n.at.A_v);
  }
  [[nodiscard]] __device__ const float* operator()(int k) const {
    const int at = row != nullptr ? row[k] : k;
    return at < 0 ? nullptr : b + std::int64_t(at) * N;
  }

 private:
  // Whether the task is in this matrix; else it counts from its end.
  __device__ bool is(int& task, int of, const float* left, int pitch, const float* right, int rows,
                     int columns, int at) {
    const int across = over(columns, gradient_tile), all = over(rows, gradient_tile) * across;
    count = of;
    a = left;
    a_pitch = pitch;
    b = right;
    M = rows;
    N = columns;
    to = at;
    if (task >= all) {
      task -= all;
      return false;
    }
    m0 = task / across * gradient_tile;
    n0 = task % across * gradient_tile;
    return true;
  }
};

template <class Wait>
__device__ inline void gradient_task(const GpuNet& n, const Batch& b, int task, Wait wait) {
  float* red = gpu::shared<float>();
  if (task < n.groups) return back_to_group(n, b, task, red, wait);
  wait();
  task -= n.groups;
  if (task == 0) return finish_batch(n, b, red);
  task -= 1;
  const GradientTile tile(n, b, task);
  gradient_of(tile.count, tile.a, tile.a_pitch, tile, tile.m0, tile.M, tile.n0, tile.N, red,
              [&](int k, const float4& sum) { apply_four(n, tile.to + k, sum); });
}

}  // namespace
}  // namespace fedfuse::teacher
