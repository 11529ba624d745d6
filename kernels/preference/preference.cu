// pref_l[i] = sigmoid(v_l . ReLU(a_l + c_i) + constant_l), c_i = W_t A_t E_t[i] + W_v A_v E_v[i]
//   (preference_gpu.hpp says what is folded into a_l)
//
// A warp takes 16 items and all outputs. Features go straight from global memory into the fragments
// of the tensor cores, 16 bytes a lane: within 32 columns lane t of a row holds columns 8t .. 8t +
// 7, which serve as two steps of 16; a product does not mind in which order it meets its columns,
// if both sides agree. So they pass neither through shared memory nor twice. What one product
// leaves in registers, rounded to half, is the left operand of the next one, as it lies. Weights
// are read 16 bytes a lane, 8 lanes in one line of 128 bytes: no bank conflict, no padding.
#include "core/gpu/intrinsics.hpp"
#include "kernels/preference/preference_blas.cuh"
#include "kernels/preference/preference_gpu.hpp"
#include "kernels/preference/preference_naive.cuh"
#include "kernels/preference/preference_prepare.cuh"

namespace fedfuse::preference {
namespace {

// The units of weights, one after the other, again and again. Every warp of the block asks for the
// same sequence.
template <int D, bool Resident>
class Units {
 public:
  static constexpr int halves = D * unit_columns, stages = 4;

  __device__ Units(const Half* global, Half* shared, int units)
      : global_(global), shared_(shared), units_(units) {
    if constexpr (Resident) {
      for (int u = 0; u < units_; ++u) copy(u, u);
      gpu::async_commit();
      gpu::async_wait<0>();
      __syncthreads();
    } else {
      for (; ahead_ < stages - 1; ++ahead_) copy_next();
    }
  }
  __device__ const Half* next() {
    if constexpr (Resident) {
      const int now = at_;
      at_ = at_ + 1 == units_ ? 0 : at_ + 1;
      return shared_ + now * halves;
    } else {
      gpu::async_wait<stages - 2>();
      __syncthreads();  // the unit is there for all, and all are done with the one before it
      copy_next();
      ++ahead_;
      const int now = at_;
      at_ = (at_ + 1) % stages;
      return shared_ + now * halves;
    }
  }
  __device__ static void finish() { gpu::async_wait<0>(); }

 private:
  __device__ void copy_next() {
    copy(ahead_ % units_, ahead_ % stages);
    gpu::async_commit();
  }
  __device__ void copy(int unit, int slot) {
    for (int at = 8 * int(threadIdx.x); at < halves; at += 8 * int(blockDim.x))
      gpu::async_copy16(shared_ + slot * halves + at, global_ + std::int64_t(unit) * halves + at);
  }
  const Half* global_;
  Half* shared_;
  int units_, at_ = 0, ahead_ = 0;
};

__device__ inline uint4 load16(const Half* from) { return *reinterpret_cast<const uint4*>(from); }

// sum += (16 rows x 32 columns) (unit)^T. first, second: the fragments of columns 0-15 and 16-31.
template <int D>
__device__ inline void multiply(float (&sum)[D / 8][4], const unsigned (&first)[4],
                                const unsigned (&second)[4], const Half* unit) {
  const int lane = int(threadIdx.x) % 32;
#pragma unroll
  for (int n = 0; n < D / 8; ++n) {
    const uint4 b = load16(unit + (8 * n + lane / 4) * unit_columns + lane % 4 * 8);
    gpu::mma_16x8x16(sum[n], first, b.x, b.y);
    gpu::mma_16x8x16(sum[n], second, b.z, b.w);
  }
}

template <int D>
__device__ inline void clear(float (&sum)[D / 8][4]) {
#pragma unroll
  for (int n = 0; n < D / 8; ++n)
#pragma unroll
    for (int e = 0; e < 4; ++e) sum[n][e] = 0.0f;
}

// Two rows of features, as this lane sees them. A missing row, or one beyond the end, is zero and
// is not read.
struct FeatureRows {
  const Half* row[2];
  bool present[2];
  int width;
  __device__ FeatureRows(const Half* features, const std::uint8_t* has, int columns,
                         std::int64_t first, std::int64_t items)
      : width(columns) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const std::int64_t item = first + int(threadIdx.x) % 32 / 4 + 8 * r;
      present[r] = item < items && (has == nullptr || has[item] != 0);
      row[r] = features + (present[r] ? item : 0) * width;
    }
  }
  __device__ void load(int unit, uint4 (&to)[2]) const {
    const int column = unit * unit_columns + int(threadIdx.x) % 4 * 8;
#pragma unroll
    for (int r = 0; r < 2; ++r)
      to[r] = present[r] && column < width ? gpu::load_once(row[r] + column) : uint4{0, 0, 0, 0};
  }
};

// out = A E^T of the warp's items, as left operand of the next product. Some units of features are
// on their way at any time.
template <int D, bool Resident>
__device__ inline void encode(const FeatureRows& rows, int units, Units<D, Resident>& weights,
                              unsigned (&out)[D / 16][4]) {
  constexpr int ahead = 4;
  uint4 feature[ahead][2];
  float sum[D / 8][4];
  clear<D>(sum);
#pragma unroll
  for (int s = 0; s < ahead; ++s) rows.load(s, feature[s]);
#pragma unroll 1
  for (int u = 0; u < units; u += ahead)
#pragma unroll
    for (int s = 0; s < ahead; ++s)
      if (u + s < units) {
        const unsigned first[4] = {feature[s][0].x, feature[s][1].x, feature[s][0].y,
                                   feature[s][1].y};
        const unsigned second[4] = {feature[s][0].z, feature[s][1].z, feature[s][0].w,
                                    feature[s][1].w};
        rows.load(u + s + ahead, feature[s]);
        multiply<D>(sum, first, second, weights.next());
      }
#pragma unroll
  for (int s = 0; s < D / 16; ++s) {
    out[s][0] = gpu::to_half2(sum[2 * s][0], sum[2 * s][1]);
    out[s][1] = gpu::to_half2(sum[2 * s][2], sum[2 * s][3]);
    out[s][2] = gpu::to_half2(sum[2 * s + 1][0], sum[2 * s + 1][1]);
    out[s][3] = gpu::to_half2(sum[2 * s + 1][2], sum[2 * s + 1][3]);
  }
}

template <int D, bool Resident>
__device__ inline void mix(float (&c)[D / 8][4], const unsigned (&x)[D / 16][4],
                           Units<D, Resident>& weights) {
#pragma unroll
  for (int s = 0; s < D / 16; s += 2) multiply<D>(c, x[s], x[s + 1], weights.next());
}

// logit[l][row] (+)= v_l . ReLU(a_l + c) over the D outputs from `output`, for all groups. Four
// lanes share a row.
template <int D>
__device__ inline void score(const float (&c)[D / 8][4], int groups, int output,
                             const GpuScratch& fixed, float* logit) {
  const int lane = int(threadIdx.x) % 32, row = lane / 4;
#pragma unroll 1
  for (int l = 0; l < groups; ++l) {
    const auto at = l * 2 * D + output + lane % 4 * 2;
    float sum[2] = {0.0f, 0.0f};
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      const float2 a = *reinterpret_cast<const float2*>(fixed.a + at + 8 * n),
                   v = *reinterpret_cast<const float2*>(fixed.v + at + 8 * n);
#pragma unroll
      for (int r = 0; r < 2; ++r)
        sum[r] = fmaf(v.y, fmaxf(a.y + c[n][2 * r + 1], 0.0f),
                      fmaf(v.x, fmaxf(a.x + c[n][2 * r], 0.0f), sum[r]));
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      sum[r] += __shfl_xor_sync(gpu::all_lanes, sum[r], 1);
      sum[r] += __shfl_xor_sync(gpu::all_lanes, sum[r], 2);
      float& to = logit[l * tile_items + row + 8 * r];
      if (lane % 4 == 0) to = sum[r] + (output == 0 ? fixed.constant[l] : to);
    }
  }
}

__device__ inline void write(const Problem& p, std::int64_t first, const float* logit) {
  __syncwarp();
  for (int at = int(threadIdx.x) % 32; at < int(p.groups) * tile_items; at += 32)
    if (const std::int64_t item = first + at % tile_items; item < p.items)
      p.pref[at / tile_items * p.pref_stride + item] = 1.0f / (1.0f + expf(-logit[at]));
  __syncwarp();
}

template <int D, bool Resident>
__global__ void __launch_bounds__(most_threads(D), 1)
    fused_kernel(const __grid_constant__ Problem p, const __grid_constant__ HalfFeatures features,
                 const __grid_constant__ GpuPlan plan, const __grid_constant__ GpuScratch fixed) {
  Half* shared = gpu::shared<Half>();
  const int kept = Resident ? plan.units() : Units<D, Resident>::stages,
            warps = int(blockDim.x) / 32, warp = int(threadIdx.x) / 32;
  float* logit = reinterpret_cast<float*>(shared + kept * Units<D, Resident>::halves) +
                 warp * int(p.groups) * tile_items;
  Units<D, Resident> weights(fixed.units, shared, plan.units());
  const std::int64_t apart = std::int64_t(gridDim.x) * warps * tile_items;
#pragma unroll 1
  for (std::int64_t begin = std::int64_t(blockIdx.x) * warps * tile_items; begin < p.items;
       begin += apart) {
    const std::int64_t first = begin + warp * tile_items;
    // zeros, because GCC 14 warns: it does not see that what is encoded is what is mixed
    unsigned text[D / 16][4] = {}, image[D / 16][4] = {};
    if (plan.text_units > 0)
      encode(FeatureRows(features.text, p.has_text, int(p.d_text), first, p.items), plan.text_units,
             weights, text);
    if (plan.image_units > 0)
      encode(FeatureRows(features.image, p.has_image, int(p.d_image), first, p.items),
             plan.image_units, weights, image);
#pragma unroll 1
    for (int output = 0; output < 2 * D; output += D) {
      float c[D / 8][4];
      clear<D>(c);
      if (plan.text_units > 0) mix(c, text, weights);
      if (plan.image_units > 0) mix(c, image, weights);
      score<D>(c, int(p.groups), output, fixed, logit);
    }
    write(p, first, logit);
  }
  Units<D, Resident>::finish();
}

template <int D>
void launch_fused(const Problem& p, const HalfFeatures& features, const GpuPlan& plan,
                  const GpuScratch& scratch, const gpu::Stream& stream) {
  const auto kernel = plan.resident ? fused_kernel<D, true> : fused_kernel<D, false>;
  gpu::launch(kernel, dim3{unsigned(plan.blocks), 1, 1}, unsigned(plan.threads), plan.shared_bytes,
              stream, p, features, plan, scratch);
}

}  // namespace

template <>
void fused<gpu::Platform>(const Problem& p, const HalfFeatures& features, const GpuPlan& plan,
                          const GpuScratch& scratch, const gpu::Stream& stream) {
  if (p.items == 0) return;
  prepare(p, plan, scratch, stream);
  if (p.d == 32) return launch_fused<32>(p, features, plan, scratch, stream);
  if (p.d == 64) return launch_fused<64>(p, features, plan, scratch, stream);
  launch_fused<128>(p, features, plan, scratch, stream);
}

template <>
void naive<gpu::Platform>(const Problem& p, const gpu::Stream& stream) {
  const dim3 grid{unsigned(p.items), unsigned(p.groups), 1};
  gpu::launch(naive_kernel, grid, 128, std::size_t(6 * p.d) * sizeof(float), stream, p);
}

template <>
void with_blas<gpu::Platform>(const Problem& p, const HalfFeatures& features, const BlasScratch& s,
                              const gpu::Gemm& gemm, const gpu::Stream& stream) {
  if (p.items == 0) return;
  gpu::launch(group_kernel, dim3{unsigned(p.groups), 1, 1}, 128, std::size_t(p.d) * sizeof(float),
              stream, p, s.groups);
  const auto halve = [&](const float* in, std::int64_t stride, Half* out, std::int64_t rows,
                         std::int64_t cols) {
    gpu::launch(halve_kernel, blocks_for(rows * cols), 256, 0, stream, in, stride, out, rows, cols);
  };
  const std::int64_t d = p.d, wide = (p.d_text > 0 ? d : 0) + (p.d_image > 0 ? d : 0);
  halve(p.W1 + d + (p.d_text > 0 ? 0 : d), 3 * d, s.mixing, 2 * d, wide);
  const auto encode = [&](const Half* rows, const float* encoder, Half* halved, std::int64_t width,
                          const std::uint8_t* has, std::int64_t first) {
    if (width == 0) return;
    halve(encoder, width, halved, d, width);
    gemm.multiply({.m = p.items,
                   .n = d,
                   .k = width,
                   .a = rows,
                   .b = halved,
                   .a_stride = width,
                   .b_stride = width,
                   .c_stride = wide},
                  s.encoded + first, stream);
    if (has != nullptr)
      gpu::launch(blank_kernel, blocks_for(p.items * d), 256, 0, stream, s.encoded, wide,
                  int(first), int(d), has, p.items);
  };
  encode(features.text, p.A_t, s.text_encoder, p.d_text, p.has_text, 0);
  encode(features.image, p.A_v, s.image_encoder, p.d_image, p.has_image, wide - d);
  if (wide > 0)
    gemm.multiply({.m = p.items,
                   .n = 2 * d,
                   .k = wide,
                   .a = s.encoded,
                   .b = s.mixing,
                   .a_stride = wide,
                   .b_stride = wide,
                   .c_stride = 2 * d},
                  s.mixed, stream);
  gpu::launch(epilogue_kernel, blocks_for(p.items * 32), 256, 0, stream, p, s.groups,
              static_cast<const float*>(s.mixed));
}

}  // namespace fedfuse::preference
