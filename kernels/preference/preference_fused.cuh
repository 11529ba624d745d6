#pragma once
// pref_l[i] = sigmoid(v_l . max(c_i, -a_l) + constant_l), c_i = W_t A_t E_t[i] + W_v A_v E_v[i]
//   (preference_gpu.hpp says what is folded into the constants)
//
// A warp takes 16 items and all outputs. Features are the right operand, so what a lane needs of an
// item is as long as its load: within 32 columns lane t of an item holds columns 8t .. 8t + 7, 16
// bytes, which serve as two steps of 16; a product does not mind in which order it meets its
// columns, if both sides agree. They pass neither through shared memory nor from register to
// register. What one product leaves, rounded to half and transposed in the warp, is the right
// operand of the next one. Weights are read 16 bytes a lane, one lane after the other.
#include "core/gpu/block.cuh"
#include "core/gpu/intrinsics.hpp"
#include "kernels/preference/preference_gpu.hpp"

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
    } else {
      for (; ahead_ < stages - 1; ++ahead_) copy_next();
    }
  }
  // Before the first unit.
  __device__ void ready() {
    if constexpr (Resident) {
      gpu::async_wait<0>();
      __syncthreads();
    }
  }
  // index: of the unit in the sequence, the one that is next
  __device__ const Half* unit(int index) {
    if constexpr (Resident) {
      return shared_ + index * halves;
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

// D outputs x 16 items: of 16 outputs and 8 items lane (g, t) holds outputs g and g + 8 of items
// 2t, 2t + 1.
template <int D>
using Sums = float[D / 16][2][4];
// 32 columns x 16 items as right operand: of each half of the items two steps of 16 columns.
using Columns = uint4[2];

// sum += (unit) (32 columns x 16 items)
template <int D>
__device__ inline void multiply(Sums<D>& sum, const Columns& items, const Half* unit) {
  const uint4* weights = reinterpret_cast<const uint4*>(unit) + gpu::lane();
#pragma unroll
  for (int m = 0; m < D / 16; ++m) {
    const uint4 near = weights[2 * m * 32], far = weights[(2 * m + 1) * 32];
    const unsigned first[4] = {near.x, near.y, near.z, near.w},
                   second[4] = {far.x, far.y, far.z, far.w};
#pragma unroll
    for (int n = 0; n < 2; ++n) gpu::mma_16x8x16(sum[m][n], first, items[n].x, items[n].y);
#pragma unroll
    for (int n = 0; n < 2; ++n) gpu::mma_16x8x16(sum[m][n], second, items[n].z, items[n].w);
  }
}

template <int D>
__device__ inline void clear(Sums<D>& sum) {
#pragma unroll
  for (int m = 0; m < D / 16; ++m)
#pragma unroll
    for (int n = 0; n < 2; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) sum[m][n][e] = 0.0f;
}

// Units of features that are on their way at any time.
constexpr int ahead = 4;
static_assert(zero_halves == ahead * unit_columns);
using Ahead = Columns[ahead];

// Two items' features of one modality, as this lane reads them, from some unit on. An item without,
// or one beyond the end, reads zeros again and again.
struct FeatureRows {
  const Half* from[2];
  int step[2];
  int left;  // columns from this lane's first one to the end of the row
  __device__ FeatureRows(const Half* features, const std::uint8_t* has, int width,
                         std::int64_t first, std::int64_t items, const Half* zeros) {
    const int column = gpu::lane() % 4 * 8;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const std::int64_t item = first + gpu::lane() / 4 + 8 * r;
      const bool there = item < items && (has == nullptr || has[item] != 0);
      from[r] = (there ? features + item * width : zeros) + column;
      step[r] = there ? ahead * unit_columns : 0;
    }
    left = width - column;
  }
  // What stands in `to` stays where the row has ended: its weights are 0, and it is finite.
  __device__ void load(int unit, Columns& to) const {
    if (unit * unit_columns >= left) return;
#pragma unroll
    for (int r = 0; r < 2; ++r) to[r] = gpu::load_once(from[r] + unit * unit_columns);
  }
  __device__ void advance() {
#pragma unroll
    for (int r = 0; r < 2; ++r) from[r] += step[r];
    left -= ahead * unit_columns;
  }
};

// out = A E^T of the warp's items, as right operand of the next product. `feature` holds the first
// units of `rows`, later those of `next`.
template <int D, bool Resident>
__device__ inline void encode(FeatureRows rows, const FeatureRows& next, int first_unit, int units,
                              Units<D, Resident>& weights, Ahead& feature, Columns (&out)[D / 32]) {
  Sums<D> sum;
  clear<D>(sum);
#pragma unroll 1
  for (int u = 0; u < units; u += ahead) {
    rows.advance();
    if (u + ahead >= units) rows = next;
#pragma unroll
    for (int s = 0; s < ahead; ++s) {
      if (u + s < units) multiply<D>(sum, feature[s], weights.unit(first_unit + u + s));
      rows.load(s, feature[s]);
    }
  }
  const auto turned = [&](int m, int n, int e) {
    return gpu::transpose_8x8(gpu::to_half2(sum[m][n][e], sum[m][n][e + 1]));
  };
#pragma unroll
  for (int j = 0; j < D / 32; ++j)
#pragma unroll
    for (int n = 0; n < 2; ++n)
      out[j][n] = {turned(2 * j, n, 0), turned(2 * j, n, 2), turned(2 * j + 1, n, 0),
                   turned(2 * j + 1, n, 2)};
}

// v . max(c, -a) over the outputs of c, of one group or two: of the item and group that this lane
// writes (Written).
template <int D, int Halves, int Groups>
__device__ inline float score(const Sums<D> (&c)[Halves], const float* table) {
  table += gpu::lane() / 4 * 4;
  float sum[4 * Groups] = {};  // item bit 3, item bit 0, group
#pragma unroll
  for (int m = 0; m < Halves * D / 16; ++m)
#pragma unroll
    for (int l = 0; l < Groups; ++l) {
      const float4 f = gpu::load4(table + l * 4 * D + m * 32);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const auto& sums = c[m / (D / 16)][m % (D / 16)][k / 2];
        float& to = sum[k * Groups + l];
        to = fmaf(f.w, fmaxf(sums[2 + k % 2], f.y), fmaf(f.z, fmaxf(sums[k % 2], f.x), to));
      }
    }
  gpu::share_sums<2 * Groups>(sum, 16);
  gpu::share_sums<Groups>(sum, 8);
  if constexpr (Groups == 2) {
    gpu::share_sums<1>(sum, 4);
    return sum[0];
  }
  return sum[0] + __shfl_xor_sync(gpu::all_lanes, sum[0], 4);
}

// Which item of the tile, and which of two groups, is this lane's after `score`.
struct Written {
  int item, group;
  __device__ Written()
      : item(gpu::lane() / 16 * 8 + gpu::lane() % 4 * 2 + gpu::lane() / 8 % 2),
        group(gpu::lane() / 4 % 2) {}
};

// Logits of a tile over the outputs that c holds, from `half` on: kept in shared memory until all
// outputs have been there.
template <int D, int Halves>
__device__ inline void finish_tile(const Problem& p, const GpuScratch& fixed, std::int64_t first,
                                   int half, const Sums<D> (&c)[Halves], float* logit) {
  const Written mine;
  const auto put = [&](int l, float x) {
    if constexpr (Halves == 1) {
      float& kept = logit[l * tile_items + mine.item];
      if (half == 0) kept = x;
      if (half == 0) return;
      x += kept;
    }
    if (first + mine.item < p.items)
      p.pref[l * p.pref_stride + first + mine.item] =
          1.0f / (1.0f + expf(-(x + fixed.constant[l])));
  };
  const int groups = int(p.groups);
  const float* table = fixed.table + half * 2 * D;
  int l = 0;
#pragma unroll 1
  for (; l + 2 <= groups; l += 2) put(l + mine.group, score<D, Halves, 2>(c, table + l * 4 * D));
  if (l == groups) return;
  const float last = score<D, Halves, 1>(c, table + l * 4 * D);
  if (mine.group == 0) put(l, last);
}

template <int D, bool Resident>
__global__ void __launch_bounds__(most_threads(D), 1)
    fused_kernel(const __grid_constant__ Problem p, const __grid_constant__ HalfFeatures features,
                 const __grid_constant__ GpuPlan plan, const __grid_constant__ GpuScratch fixed) {
  constexpr int at_once = halves_at_once(D);
  Half* shared = gpu::shared<Half>();
  const int kept = Resident ? plan.units() : Units<D, Resident>::stages, warps = gpu::warps();
  float* logit = reinterpret_cast<float*>(shared + kept * Units<D, Resident>::halves) +
                 gpu::warp() * int(p.groups) * tile_items;
  Units<D, Resident> weights(fixed.units, shared, plan.units());
  const Half* zeros = fixed.units + std::int64_t(plan.units()) * D * unit_columns;
  const auto image_of = [&](std::int64_t first) {
    return FeatureRows(features.image, p.has_image, int(p.d_image), first, p.items, zeros);
  };
  const auto first_of = [&](std::int64_t first) {
    if (plan.text_units == 0) return image_of(first);
    return FeatureRows(features.text, p.has_text, int(p.d_text), first, p.items, zeros);
  };
  const std::int64_t apart = std::int64_t(gridDim.x) * warps * tile_items;
  std::int64_t begin = std::int64_t(blockIdx.x) * warps * tile_items;
  FeatureRows rows = first_of(begin + gpu::warp() * tile_items);
  Ahead feature = {};
#pragma unroll
  for (int s = 0; s < ahead; ++s) rows.load(s, feature[s]);
  weights.ready();
#pragma unroll 1
  for (; begin < p.items; begin += apart) {
    const std::int64_t first = begin + gpu::warp() * tile_items;
    const FeatureRows following = first_of(first + apart);
    Columns text[D / 32] = {}, image[D / 32] = {};
    if (plan.text_units > 0) {
      const FeatureRows next = plan.image_units > 0 ? image_of(first) : following;
      encode(rows, next, 0, plan.text_units, weights, feature, text);
      rows = next;
    }
    if (plan.image_units > 0)
      encode(rows, following, plan.text_units, plan.image_units, weights, feature, image);
    rows = following;
    int unit = plan.text_units + plan.image_units;
#pragma unroll 1
    for (int half = 0; half < 2; half += at_once) {
      Sums<D> c[at_once];
#pragma unroll
      for (int h = 0; h < at_once; ++h) {
        clear<D>(c[h]);
        if (plan.text_units > 0)
#pragma unroll
          for (int j = 0; j < D / 32; ++j) multiply<D>(c[h], text[j], weights.unit(unit++));
        if (plan.image_units > 0)
#pragma unroll
          for (int j = 0; j < D / 32; ++j) multiply<D>(c[h], image[j], weights.unit(unit++));
      }
      finish_tile<D, at_once>(p, fixed, first, half, c, logit);
    }
  }
  Units<D, Resident>::finish();
}

}  // namespace
}  // namespace fedfuse::preference
