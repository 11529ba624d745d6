#pragma once
// The second phase of a step, all that is between x and dx: a block has some slots and their pairs.
#include "kernels/teacher/gpu_encode.cuh"

namespace fedfuse::teacher {
namespace {

// What a block of hidden keeps in shared memory: vectors of 2d or d, `rows` numbers an element; and
// where there is room the weights: one 2d x 2d, then W2 transposed and W2.
struct HiddenRoom {
  float *red, *x, *c, *dc, *h, *q;
  double* sums;
  float *square, *W2_t, *W2;
  __device__ explicit HiddenRoom(int d) {
    red = gpu::shared<float>();
    x = red + block_threads * block_rows * 4;
    c = x + 2 * d * block_rows;
    dc = c + 2 * d * block_rows;
    h = dc + 2 * d * block_rows;
    q = h + 2 * d * block_rows;
    sums = reinterpret_cast<double*>(q + d * block_rows);
    square = reinterpret_cast<float*>(sums + 32);
    W2_t = square + 4 * d * d;
    W2 = W2_t + 2 * d * d;
  }
};

// h, Q, q, loss and g of up to 8 pairs of the block, beginning with `first` of them; room.h ends as
// g. Slots: of the block, numbers an element.
template <int Slots>
__device__ inline double pairs_forward_and_back(const GpuNet& n, const Batch& b,
                                                const HiddenRoom& room, const float* W2_t,
                                                const float* W2, int first_pair, int first,
                                                int pairs) {
  const int d = n.at.d, wide = 2 * d;
  for (int at = int(threadIdx.x); at < block_rows * wide; at += block_threads) {
    const int r = at / wide, k = at % wide, mine = first + r;
    float h = 0.0f;
    if (mine < pairs) {
      const int group = Place(n, b, first_pair + mine).group;
      h = n.a[group * wide + k] + room.c[k * Slots + mine / n.pairs_a_slot];
      h = h < 0.0f ? 0.0f : h;  // NaN stays NaN, and is seen in the loss
      n.h[std::int64_t(first_pair + mine) * wide + k] = h;
    }
    room.h[k * block_rows + r] = h;
  }
  double squares = 0;
  const float factor = float(2.0 / (double(b.pairs) * double(d)));
  rows_times<block_rows>(room.h, wide, W2_t, d, room.red, [&](int r, int k, const float4& sum) {
    float4 q = zero4();
    if (first + r < pairs) {
      const Place place(n, b, first_pair + first + r);
      const float4 target = load4(n.targets + (place.group * n.items + place.item) * d + k),
                   bias = load4(n.values + n.at.b2 + k);
      const float4 e = make_float4(sum.x + bias.x - target.x, sum.y + bias.y - target.y,
                                   sum.z + bias.z - target.z, sum.w + bias.w - target.w);
      squares += double(e.x) * double(e.x) + double(e.y) * double(e.y) + double(e.z) * double(e.z) +
                 double(e.w) * double(e.w);
      q = make_float4(factor * e.x, factor * e.y, factor * e.z, factor * e.w);
      store4(n.q + std::int64_t(first_pair + first + r) * d + k, q);
    }
    float* to = room.q + k * block_rows + r;
    to[0] = q.x;
    to[block_rows] = q.y;
    to[2 * block_rows] = q.z;
    to[3 * block_rows] = q.w;
  });
  rows_times<block_rows>(room.q, d, W2, wide, room.red, [&](int r, int k, const float4& sum) {
    float* h = room.h + k * block_rows + r;  // this thread's alone
    const float4 g = make_float4(h[0] > 0.0f ? sum.x : 0.0f, h[block_rows] > 0.0f ? sum.y : 0.0f,
                                 h[2 * block_rows] > 0.0f ? sum.z : 0.0f,
                                 h[3 * block_rows] > 0.0f ? sum.w : 0.0f);
    h[0] = g.x;
    h[block_rows] = g.y;
    h[2 * block_rows] = g.z;
    h[3 * block_rows] = g.w;
    if (first + r < pairs) store4(n.g + std::int64_t(first_pair + first + r) * wide + k, g);
  });
  __syncthreads();
  return squares;
}

// Slots: 1, or up to 8 a block. Staged: weights pass through shared memory, each copied while
// others are used. wait(): for the slots; parameters are there before.
template <int Slots, bool Staged, class Wait>
__device__ inline void hidden_slots(const GpuNet& n, const Batch& b, int task, Wait wait) {
  const int d = n.at.d, wide = 2 * d, first_slot = task * n.slots_a_block();
  const HiddenRoom room(d);
  const float *W_tv_t = n.W_tv_t, *W_tv = n.values + n.at.W_tv, *W2_t = n.W2_t,
              *W2 = n.values + n.at.W2;
  if constexpr (Staged) {
    stage(room.square, W_tv_t, wide * wide);
    stage(room.W2_t, W2_t, d * wide);
    stage(room.W2, W2, d * wide);
    W_tv_t = W_tv = room.square;
    W2_t = room.W2_t;
    W2 = room.W2;
  }
  wait();
  const int slots =
                b.slots - first_slot < n.slots_a_block() ? b.slots - first_slot : n.slots_a_block(),
            pairs = slots * n.pairs_a_slot;
  for (int at = int(threadIdx.x); at < Slots * wide; at += block_threads) {
    const int s = at / wide, k = at % wide;
    room.x[k * Slots + s] = s < slots ? n.x[std::int64_t(first_slot + s) * wide + k] : 0.0f;
    room.dc[k * Slots + s] = 0.0f;
  }
  if constexpr (Staged) gpu::async_wait<2>();
  rows_times<Slots>(room.x, wide, W_tv_t, wide, room.red, [&](int s, int k, const float4& sum) {
    float* c = room.c + k * Slots + s;
    c[0] = sum.x;
    c[Slots] = sum.y;
    c[2 * Slots] = sum.z;
    c[3 * Slots] = sum.w;
  });
  __syncthreads();
  if constexpr (Staged) {
    stage(room.square, n.values + n.at.W_tv, wide * wide);
    gpu::async_wait<1>();
  }
  double squares = 0;
#pragma unroll 1
  for (int first = 0; first < pairs; first += block_rows) {
    squares += pairs_forward_and_back<Slots>(n, b, room, W2_t, W2, first_slot * n.pairs_a_slot,
                                             first, pairs);
    // dc: over its pairs, in their order
    for (int at = int(threadIdx.x); at < Slots * wide; at += block_threads) {
      const int s = at % Slots, k = at / Slots;
      float sum = room.dc[at];
      for (int r = 0; r < block_rows && first + r < pairs; ++r)
        if ((first + r) / n.pairs_a_slot == s) sum += room.h[k * block_rows + r];
      room.dc[at] = sum;
      if (s < slots) n.dc[std::int64_t(first_slot + s) * wide + k] = sum;
    }
    __syncthreads();
  }
  if constexpr (Staged) gpu::async_wait<0>();
  rows_times<Slots>(room.dc, wide, W_tv, wide, room.red, [&](int s, int k, const float4& sum) {
    if (s < slots) store4(n.dx + std::int64_t(first_slot + s) * wide + k, sum);
  });
  squares = block_sum(squares, room.sums);
  if (threadIdx.x == 0) n.squares[task] = squares;
}

// base^n by squaring.
__device__ inline double power(double base, std::int64_t n) {
  double result = 1.0;
  for (; n > 0; n /= 2, base *= base)
    if (n % 2 != 0) result *= base;
  return result;
}

// A task for some slots each, and one for what Adam needs to know of the number of the step, which
// is that of the state and `ahead`.
__host__ __device__ constexpr int hidden_tasks(const GpuNet& n) { return n.hidden_blocks() + 1; }
template <int Slots, bool Staged, class Wait>
__device__ inline void hidden_task(const GpuNet& n, const Batch& b, int ahead, int task,
                                   Wait wait) {
  if (task < n.hidden_blocks() && task * n.slots_a_block() < b.slots)
    return hidden_slots<Slots, Staged>(n, b, task, wait);
  wait();
  if (task == n.hidden_blocks() && threadIdx.x == 0) {
    const std::int64_t t = n.state->steps + ahead;
    n.state->factors = adam_factors(n.lr, power(0.9, t), power(0.999, t));
  }
}

}  // namespace
}  // namespace fedfuse::teacher
