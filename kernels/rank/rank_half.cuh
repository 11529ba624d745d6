#pragma once
// Half of a first hidden layer for many rows (R2): of items, of own rows, of users.
//
//   out[o pitch + n] = sign (bias[o] + sum over k < d of W[o, k] x[n, k])   one chain of fused
//     multiply-adds over k
//
// A block makes 64 units x 64 rows, 16 k at a time through shared memory, a thread 4 x 4. 2 N d^2
// FLOP, bound by arithmetic.
#include "core/gpu/intrinsics.hpp"
#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse::rank {
namespace {

struct Half {
  // of x; columns of out, those beyond rows as of zero rows
  std::int64_t rows = 0, padded_rows = 0;
  const float* x = nullptr;
  int ldx = 0, d = 0;
  const float *W = nullptr, *bias = nullptr;  // bias: null is 0
  int ldw = 0, units = 0;                     // units beyond d are zero
  float sign = 1.0f;
  float* out = nullptr;
  std::int64_t pitch = 0;
};

constexpr int half_side = 64, half_depth = 16, half_pitch = half_side + 4, half_threads = 256;

// 64 rows of from, columns first_k .. first_k + 15, k-major; zero where there is none.
__device__ inline void load_half(const float* from, std::int64_t first, std::int64_t rows, int ld,
                                 int first_k, int d, float* to) {
  const int k = int(threadIdx.x) % half_depth;
  for (int n = int(threadIdx.x) / half_depth; n < half_side; n += half_threads / half_depth)
    to[k * half_pitch + n] =
        first + n < rows && first_k + k < d ? from[(first + n) * ld + first_k + k] : 0.0f;
}

__global__ void __launch_bounds__(half_threads) half_kernel(const __grid_constant__ Half h) {
  float *x = gpu::shared<float>(), *W = x + half_depth * half_pitch;
  const std::int64_t first = std::int64_t(blockIdx.x) * half_side;
  const int first_unit = int(blockIdx.y) * half_side, n = 4 * (int(threadIdx.x) % 16),
            o = 4 * (int(threadIdx.x) / 16);
  float sum[4][4];
#pragma unroll
  for (int j = 0; j < 4; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      sum[j][i] = h.bias != nullptr && first_unit + o + j < h.d ? h.bias[first_unit + o + j] : 0.0f;
  for (int first_k = 0; first_k < h.d; first_k += half_depth) {
    __syncthreads();  // all are done with what is overwritten now
    load_half(h.x, first, h.rows, h.ldx, first_k, h.d, x);
    load_half(h.W, first_unit, h.d, h.ldw, first_k, h.d, W);
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < half_depth; ++k) {
      const float4 row = *reinterpret_cast<const float4*>(x + k * half_pitch + n),
                   unit = *reinterpret_cast<const float4*>(W + k * half_pitch + o);
      const float rows[4] = {row.x, row.y, row.z, row.w},
                  units[4] = {unit.x, unit.y, unit.z, unit.w};
#pragma unroll
      for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int i = 0; i < 4; ++i) sum[j][i] = fmaf(units[j], rows[i], sum[j][i]);
    }
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int unit = first_unit + o + j;
    if (unit < h.units && first + n < h.padded_rows)
      *reinterpret_cast<float4*>(h.out + unit * h.pitch + first + n) = make_float4(
          h.sign * sum[j][0], h.sign * sum[j][1], h.sign * sum[j][2], h.sign * sum[j][3]);
  }
}

inline void launch_half(const Half& h, const gpu::Stream& stream) {
  const auto blocks = [](std::int64_t n) { return unsigned((n + half_side - 1) / half_side); };
  constexpr std::size_t bytes = 2 * half_depth * half_pitch * sizeof(float);
  gpu::launch(half_kernel, dim3{blocks(h.padded_rows), blocks(h.units), 1}, unsigned(half_threads),
              bytes, stream, h);
}

// H_p of all planes.
inline void item_halves(const GpuRank& r, const gpu::Stream& stream) {
  Half h{.rows = r.items,
         .padded_rows = r.padded_items(),
         .ldx = r.width,
         .d = r.head.d,
         .W = r.theta + r.head.first_item};
  h.ldw = r.head.first_stride;
  h.units = int(r.units());
  h.pitch = r.planes * r.padded_items();
  for (int p = 0; p < r.planes; ++p) {
    h.x = r.view[p];
    h.out = r.hidden_k + p * r.padded_items();
    launch_half(h, stream);
  }
}

// own_k, and units_k = sign (W_u u + b1).
inline void client_halves(const GpuRank& r, float sign, const gpu::Stream& stream) {
  Half own{.rows = r.own_count,
           .padded_rows = r.padded_own(),
           .x = r.own_rows,
           .ldx = r.width,
           .d = r.head.d,
           .W = r.theta + r.head.first_item};
  own.ldw = r.head.first_stride;
  own.units = int(r.units());
  own.out = r.own_k;
  own.pitch = r.padded_own();
  launch_half(own, stream);
  Half user{.rows = r.clients,
            .padded_rows = r.padded_clients(),
            .x = r.user,
            .ldx = r.head.user,
            .d = r.head.d,
            .W = r.theta + r.head.first_user};
  user.bias = r.theta + r.head.b1;
  user.ldw = r.head.first_stride;
  user.units = int(r.units());
  user.sign = sign;
  user.out = r.units_k;
  user.pitch = r.padded_clients();
  launch_half(user, stream);
}

}  // namespace
}  // namespace fedfuse::rank
