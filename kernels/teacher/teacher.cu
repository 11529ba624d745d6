// The four kernels of a training step; teacher_gpu.hpp says what each does. What one reads another
// wrote: a launch ends before the next begins.
#include "kernels/teacher/gpu_apply.cuh"
#include "kernels/teacher/gpu_block.cuh"
#include "kernels/teacher/gpu_encode.cuh"

namespace fedfuse::teacher {
namespace {

// What a block of hidden keeps in shared memory: vectors of 2d or d, `rows` numbers an element.
struct HiddenRoom {
  float *red, *x, *c, *dc, *h, *q;
  double* sums;
  __device__ explicit HiddenRoom(int d) {
    red = gpu::shared<float>();
    x = red + block_threads * block_rows * 4;
    c = x + 2 * d * block_rows;
    dc = c + 2 * d * block_rows;
    h = dc + 2 * d * block_rows;
    q = h + 2 * d * block_rows;
    sums = reinterpret_cast<double*>(q + d * block_rows);
  }
};

// h, Q, q, loss and g of up to 8 pairs of the block, beginning with `first` of them; room.h ends as
// g. Slots: of the block, numbers an element.
template <int Slots>
__device__ inline double pairs_forward_and_back(const GpuNet& n, const Batch& b,
                                                const HiddenRoom& room, int first_pair, int first,
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
  rows_times<block_rows>(room.h, wide, n.W2_t, d, room.red, [&](int r, int k, const float4& sum) {
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
  rows_times<block_rows>(
      room.q, d, n.values + n.at.W2, wide, room.red, [&](int r, int k, const float4& sum) {
        float* h = room.h + k * block_rows + r;  // this thread's alone
        const float4 g = make_float4(
            h[0] > 0.0f ? sum.x : 0.0f, h[block_rows] > 0.0f ? sum.y : 0.0f,
            h[2 * block_rows] > 0.0f ? sum.z : 0.0f, h[3 * block_rows] > 0.0f ? sum.w : 0.0f);
        h[0] = g.x;
        h[block_rows] = g.y;
        h[2 * block_rows] = g.z;
        h[3 * block_rows] = g.w;
        if (first + r < pairs) store4(n.g + std::int64_t(first_pair + first + r) * wide + k, g);
      });
  __syncthreads();
  return squares;
}

// Slots: 1, or up to 8 a block.
template <int Slots>
__global__ void __launch_bounds__(block_threads, 1)
    hidden_kernel(const __grid_constant__ GpuNet n) {
  const Batch b(n);
  const int d = n.at.d, wide = 2 * d, first_slot = int(blockIdx.x) * n.slots_a_block();
  if (first_slot >= b.slots) return;
  const int slots =
                b.slots - first_slot < n.slots_a_block() ? b.slots - first_slot : n.slots_a_block(),
            pairs = slots * n.pairs_a_slot;
  const HiddenRoom room(d);
  for (int at = int(threadIdx.x); at < Slots * wide; at += block_threads) {
    const int s = at / wide, k = at % wide;
    room.x[k * Slots + s] = s < slots ? n.x[std::int64_t(first_slot + s) * wide + k] : 0.0f;
    room.dc[k * Slots + s] = 0.0f;
  }
  rows_times<Slots>(room.x, wide, n.W_tv_t, wide, room.red, [&](int s, int k, const float4& sum) {
    float* c = room.c + k * Slots + s;
    c[0] = sum.x;
    c[Slots] = sum.y;
    c[2 * Slots] = sum.z;
    c[3 * Slots] = sum.w;
  });
  __syncthreads();
  double squares = 0;
#pragma unroll 1
  for (int first = 0; first < pairs; first += block_rows) {
    squares += pairs_forward_and_back<Slots>(n, b, room, first_slot * n.pairs_a_slot, first, pairs);
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
  rows_times<Slots>(room.dc, wide, n.values + n.at.W_tv, wide, room.red,
                    [&](int s, int k, const float4& sum) {
                      if (s < slots) store4(n.dx + std::int64_t(first_slot + s) * wide + k, sum);
                    });
  squares = block_sum(squares, room.sums);
  if (threadIdx.x == 0) n.squares[blockIdx.x] = squares;
}

// da_l, du_l = W_g^T da_l, de_l = A_g^T du_l, and e_l as it was. Shared: sums, da_l, du_l.
__device__ inline void back_to_group(const GpuNet& n, const Batch& b, int l, float* red) {
  const auto& at = n.at;
  const int wide = 2 * at.d;
  float *da = red + gradient_tile * tile_pitch * (block_threads / 32), *du = da + wide;
  const auto row = [&](int pair) -> const float* {
    return Place(n, b, pair).group == l ? n.g + std::int64_t(pair) * wide : nullptr;
  };
  sum_rows(b.pairs, row, wide, red, [&](int k, const float4& sum) {
    store4(da + k, sum);
    store4(n.da + l * wide + k, sum);
  });
  rows_times<1>(da, wide, n.values + at.W_g, at.d, red, [&](int, int k, const float4& sum) {
    store4(du + k, sum);
    store4(n.du + l * at.d + k, sum);
  });
  rows_times<1>(du, at.d, n.values + at.A_g, at.d_group, red, [&](int, int k, const float4& sum) {
    store4(n.gradient + at.e + l * at.d_group + k, sum);
  });
  for (int k = int(threadIdx.x); k < at.d_group; k += block_threads)
    n.e_old[l * at.d_group + k] = n.values[at.e + l * at.d_group + k];
}

// base^n by squaring.
__device__ inline double power(double base, std::int64_t n) {
  double result = 1.0;
  for (; n > 0; n /= 2, base *= base)
    if (n % 2 != 0) result *= base;
  return result;
}

// Gradients of the biases, the loss of the batch, and what Adam needs to know of the number of the
// step.
__device__ inline void finish_batch(const GpuNet& n, const Batch& b, float* red) {
  const auto& at = n.at;
  sum_rows(
      b.pairs, [&](int pair) { return n.q + std::int64_t(pair) * at.d; }, at.d, red,
      [&](int k, const float4& sum) { store4(n.gradient + at.b2 + k, sum); });
  sum_rows(
      b.slots, [&](int slot) { return n.dx + std::int64_t(slot) * 2 * at.d; }, 2 * at.d, red,
      [&](int k, const float4& sum) { store4(n.gradient + at.a_tv + k, sum); });
  double squares = 0;
  for (int k = int(threadIdx.x); k < over(b.slots, n.slots_a_block()); k += block_threads)
    squares += n.squares[k];
  __syncthreads();
  squares = block_sum(squares, reinterpret_cast<double*>(red));
  if (threadIdx.x != 0) return;
  n.state->squares += squares / double(at.d);
  const std::int64_t t = n.state->steps + 1;
  n.state->factors = adam_factors(n.lr, power(0.9, t), power(0.999, t));
}

__global__ void __launch_bounds__(block_threads, 1)
    gradient_kernel(const __grid_constant__ GpuNet n) {
  float* red = gpu::shared<float>();
  const Batch b(n);
  if (b.slots <= 0) return;
  const auto& at = n.at;
  const int wide = 2 * at.d;
  int task = int(blockIdx.x);
  if (task < n.groups) return back_to_group(n, b, task, red);
  task -= n.groups;
  if (task == 0) return finish_batch(n, b, red);
  task -= 1;
  const auto tile = [&](int count, const float* a, int pitch, auto row, int M, int N, int to) {
    const int across = over(N, gradient_tile), all = over(M, gradient_tile) * across;
    if (task >= 0 && task < all)
      gradient_of(count, a, pitch, row, task / across * gradient_tile, M,
                  task % across * gradient_tile, N, n.gradient + to, red);
    task -= all;
  };
  tile(b.pairs, n.q, at.d, [&](int k) { return n.h + std::int64_t(k) * wide; }, at.d, wide, at.W2);
  tile(
      b.slots, n.dc, wide, [&](int k) { return n.x + std::int64_t(k) * wide; }, wide, wide,
      at.W_tv);
  const auto features = [](const float* from, const std::int32_t* row, int width) {
    return [=](int k) -> const float* {
      return row[k] < 0 ? nullptr : from + std::int64_t(row[k]) * width;
    };
  };
  tile(b.slots, n.dx, wide, features(n.text, n.row, at.d_text), at.d, at.d_text, at.A_t);
  tile(b.slots, n.dx + at.d, wide, features(n.image, n.row + n.slots, at.d_image), at.d, at.d_image,
       at.A_v);
}

std::size_t gradient_bytes(int d) {
  return std::size_t(gradient_tile * tile_pitch * (block_threads / 32) + 3 * d) * sizeof(float);
}
int gradient_blocks(const GpuNet& n) {
  const auto tiles = [](int M, int N) { return over(M, gradient_tile) * over(N, gradient_tile); };
  const int d = n.at.d;
  return n.groups + 1 + tiles(d, 2 * d) + tiles(2 * d, 2 * d) + tiles(d, n.at.d_text) +
         tiles(d, n.at.d_image);
}

}  // namespace

template <>
void step<gpu::Platform>(const GpuNet& n, const gpu::Stream& stream) {
  const auto blocks = [](int count) { return dim3{unsigned(count), 1, 1}; };
  const int d = n.at.d, encode_tiles = over(n.slots, encode_tile) * 2 * over(d, encode_tile);
  const std::size_t group_bytes = std::size_t(d + n.at.d_group) * sizeof(float);
  gpu::launch(encode_kernel, blocks(n.groups + encode_tiles), encode_threads,
              encode_bytes > group_bytes ? encode_bytes : group_bytes, stream, n);
  const auto hidden = n.slots_a_block() == 1 ? hidden_kernel<1> : hidden_kernel<block_rows>;
  gpu::launch(hidden, blocks(n.hidden_blocks()), block_threads, hidden_shared_bytes(d), stream, n);
  gpu::launch(gradient_kernel, blocks(gradient_blocks(n)), block_threads, gradient_bytes(d), stream,
              n);
  gpu::launch(apply_kernel, blocks(over(n.at.size / 4, apply_threads)), apply_threads, 0, stream,
              n);
}

}  // namespace fedfuse::teacher
