// The four kernels of a training step; fusion_gpu.hpp says what each does. What one reads another
// wrote: a launch ends before the next begins.
#include "core/gpu/intrinsics.hpp"
#include "kernels/fusion/gpu_apply.cuh"
#include "kernels/fusion/gpu_block.cuh"

namespace fedfuse::fusion {
namespace {

__host__ __device__ constexpr int over(int n, int of) { return (n + of - 1) / of; }

// u_l = A_g e_l + a_g, a_l = W_g u_l + b1. A warp four rows of a matrix at a time. Shared: e_l,
// u_l.
__device__ inline void encode_group(const GpuNet& n, int l) {
  const auto& at = n.at;
  float *e = gpu::shared<float>(), *u = e + at.d_group;
  for (int k = int(threadIdx.x); k < at.d_group; k += int(blockDim.x))
    e[k] = n.values[at.e + l * at.d_group + k];
  __syncthreads();
  for (int o = 4 * warp(); o < at.d; o += 4 * warps()) {  // d is a multiple of 4
    const float4 y = dots(e, n.values + at.A_g + o * at.d_group, at.d_group, at.d_group),
                 bias = load4(n.values + at.a_g + o);
    if (lane() == 0) {
      u[o] = y.x + bias.x;
      u[o + 1] = y.y + bias.y;
      u[o + 2] = y.z + bias.z;
      u[o + 3] = y.w + bias.w;
    }
  }
  __syncthreads();
  for (int o = 4 * warp(); o < 2 * at.d; o += 4 * warps()) {
    const float4 y = dots(u, n.values + at.W_g + o * at.d, at.d, at.d),
                 bias = load4(n.values + at.b1 + o);
    if (lane() == 0)
      store4(n.a + l * 2 * at.d + o,
             make_float4(y.x + bias.x, y.y + bias.y, y.z + bias.z, y.w + bias.w));
  }
  for (int k = int(threadIdx.x); k < at.d; k += int(blockDim.x)) n.u[l * at.d + k] = u[k];
}

// Where a thread copies from: the same four columns of four slots' features and of four rows of the
// encoder; null: zeros.
struct EncodeRows {
  const float* from[8];
  int width;
  __device__ EncodeRows(const GpuNet& n, const Batch& b, int first_slot, int modality,
                        int first_column) {
    const auto& at = n.at;
    const bool image = modality == 1;
    width = image ? at.d_image : at.d_text;
    const float *features = image ? n.image : n.text,
                *encoder = n.values + (image ? at.A_v : at.A_t);
    const std::uint8_t* has = image ? n.has_image : n.has_text;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = int(threadIdx.x) / 64 + 4 * i, slot = first_slot + row,
                column = first_column + row;
      from[i] = from[4 + i] = nullptr;
      if (column < at.d) from[4 + i] = encoder + std::int64_t(column) * width;
      if (slot >= b.slots) continue;
      const std::int64_t item = Place(n, b, slot * n.pairs_a_slot).item;
      const bool there = width > 0 && (has == nullptr || has[item] != 0);
      if (there) from[i] = features + item * width;
      if (first_column == 0 && threadIdx.x % 64 == 0)
        n.row[modality * n.slots + slot] = there ? std::int32_t(item) : -1;
    }
  }
  // Columns [encode_depth chunk, ...) of 16 slots, then of 16 rows of the encoder.
  __device__ void copy(int chunk, float* to) const {
    const int column = 4 * (int(threadIdx.x) % 64), k = chunk * encode_depth + column;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      float* target =
          to +
          (int(threadIdx.x) / 64 + 4 * (i % 4) + (i < 4 ? 0 : encode_tile)) * (encode_depth + 4) +
          column;
      if (k < width && from[i] != nullptr)
        gpu::async_copy16(target, from[i] + k);
      else
        store4(target, zero4());
    }
  }
};

constexpr int stage_floats = 2 * encode_tile * (encode_depth + 4),
              encode_warps = encode_threads / 32;
constexpr std::size_t encode_bytes =
    (2 * stage_floats + encode_warps * encode_tile * encode_tile) * sizeof(float);

// x_m of 16 slots, 16 of its columns. A warp takes 32 of every 256 features, a lane 4 slots x 2
// columns; then the warps' sums are added in order.
__device__ inline void encode_slots(const GpuNet& n, const Batch& b, int first_slot, int modality,
                                    int first_column) {
  float *stage = gpu::shared<float>(), *partial = stage + 2 * stage_floats;
  const EncodeRows rows(n, b, first_slot, modality, first_column);
  const int chunks = over(rows.width, encode_depth);
  float sum[4][2] = {};
  for (int c = 0; c < 2; ++c) {
    if (c < chunks) rows.copy(c, stage + c * stage_floats);
    gpu::async_commit();
  }
#pragma unroll 1
  for (int c = 0; c < chunks; ++c) {
    gpu::async_wait<1>();
    __syncthreads();
    float* now = stage + c % 2 * stage_floats;
    const float *slot = now + lane() / 8 * (encode_depth + 4),
                *column = now + (encode_tile + lane() % 8) * (encode_depth + 4);
    const int left = rows.width - c * encode_depth,
              end = 32 * (warp() + 1) < left ? 32 * (warp() + 1) : left;
#pragma unroll 2
    for (int k = 32 * warp(); k < end; k += 4) {
      float4 y[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) y[j] = load4(column + 8 * j * (encode_depth + 4) + k);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float4 x = load4(slot + 4 * i * (encode_depth + 4) + k);
#pragma unroll
        for (int j = 0; j < 2; ++j)
          sum[i][j] =
              fmaf(x.x, y[j].x, fmaf(x.y, y[j].y, fmaf(x.z, y[j].z, fmaf(x.w, y[j].w, sum[i][j]))));
      }
    }
    __syncthreads();
    if (c + 2 < chunks) rows.copy(c + 2, now);
    gpu::async_commit();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 2; ++j)
      partial[(warp() * encode_tile + lane() / 8 + 4 * i) * encode_tile + lane() % 8 + 8 * j] =
          sum[i][j];
  __syncthreads();
  const int row = int(threadIdx.x) / encode_tile, column = int(threadIdx.x) % encode_tile,
            o = modality * n.at.d + first_column + column;
  if (first_slot + row >= b.slots || first_column + column >= n.at.d) return;
  float total = 0.0f;
  for (int w = 0; w < encode_warps; ++w)
    total += partial[(w * encode_tile + row) * encode_tile + column];
  n.x[std::int64_t(first_slot + row) * 2 * n.at.d + o] = total + n.values[n.at.a_tv + o];
}

__global__ void __launch_bounds__(encode_threads) encode_kernel(const __grid_constant__ GpuNet n) {
  if (n.count == 0) return;  // parameters may not be there yet
  if (int(blockIdx.x) < n.groups) return encode_group(n, int(blockIdx.x));
  const Batch b(n);
  const int tile = int(blockIdx.x) - n.groups, across = over(n.at.d, encode_tile),
            first_slot = tile / (2 * across) * encode_tile;
  if (first_slot < b.slots)
    encode_slots(n, b, first_slot, tile / across % 2, tile % across * encode_tile);
}

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
  if ((task -= n.groups) == 0) return finish_batch(n, b, red);
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

}  // namespace fedfuse::fusion
