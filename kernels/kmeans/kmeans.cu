// Scores of points against up to 64 groups a pass, and the sums of a Lloyd step (kmeans_gpu.hpp has
// the forms).
//
// A block owns a tile of points and walks through its columns, 64 bytes of a row at a time: three
// stages stand in shared memory, points and the groups' numbers, copied 16 bytes a thread behind
// the back of the registers. A thread owns two points and 4, 8 or 16 groups: a column is two
// conversions, and 16 bytes of the table (the same for all lanes) feed four multiply-adds in
// double. No score crosses a lane, so a sum runs over the columns in order. Then a tile knows its
// groups; in a step it sorts its points by group and adds runs of equal groups in registers, from
// rows that the second cache still has.
#include <algorithm>

#include "core/gpu/intrinsics.hpp"
#include "kernels/kmeans/kmeans_sums.cuh"

namespace fedfuse::kmeans {
namespace {

constexpr int each = points_a_thread;

__device__ inline void widen(const float4& v, double (&x)[4]) {
  x[0] = double(v.x);
  x[1] = double(v.y);
  x[2] = double(v.z);
  x[3] = double(v.w);
}
__device__ inline void widen(const Pair& v, double (&x)[2]) {
  x[0] = v.first;
  x[1] = v.second;
}
template <class T>
struct UnitOf;
template <>
struct UnitOf<float> {
  using Load = float4;
};
template <>
struct UnitOf<double> {
  using Load = Pair;
};

template <class T>
inline constexpr int numbers = unit_bytes / int(sizeof(T));  // of a unit of 16 bytes

template <class T>
constexpr int bytes_of_stage(const GpuPlan& plan) {
  return plan.tile_points() * row_bytes +
         stage_units * numbers<T> * table_pitch<T>(plan) * int(sizeof(double));
}

// Copies what a tile needs: the walk through the columns of its points, and of the table.
template <class T, int A, int Slices>
struct Tile {
  static constexpr GpuPlan plan{A, Slices, 1};
  static constexpr int points = plan.tile_points(), pitch = table_pitch<T>(plan),
                       stage_bytes = bytes_of_stage<T>(plan);
  const T* row;    // of this thread's first copy
  int last, step;  // rows from there to the last point; numbers from a row to the next
  int units;       // of a row
  unsigned char *to, *shared;

  __device__ Tile(const GpuPoints<T>& p, std::int64_t first, unsigned char* shared_memory)
      : shared(shared_memory) {
    const int own = int(threadIdx.x) / stage_units, unit = int(threadIdx.x) % stage_units;
    step = int(p.stride);
    units = step / numbers<T>;
    const int rest = int(p.count - first < points ? p.count - first : points) - 1;
    last = rest - own;
    row = p.points + (first + (last < 0 ? rest : own)) * p.stride + unit * numbers<T>;
    to = shared + own * row_bytes + unit * unit_bytes;
  }
  [[nodiscard]] __device__ int stages_of_a_row() const {
    return (units + stage_units - 1) / stage_units;
  }
  __device__ unsigned char* stage(int s) const { return shared + s % stages * stage_bytes; }
  __device__ static const double* table_of(const unsigned char* stage) {
    return reinterpret_cast<const double*>(stage + points * row_bytes);
  }

  // Four neighbours copy 64 bytes of a row. Points beyond the last one are the last one. table: of
  // the pass.
  __device__ void copy(const double* table, int s) const {
    constexpr int apart = gpu_threads / stage_units;
    const int tid = int(threadIdx.x), from = s * stage_units,
              here = units - from < stage_units ? units - from : stage_units;
    if (tid % stage_units < here) {
#pragma unroll
      for (int r = 0; r < points; r += apart) {
        const int down = r < last ? r : last < 0 ? 0 : last;
        gpu::async_copy16(to + s % stages * stage_bytes + r * row_bytes,
                          row + std::int64_t(down) * step + from * numbers<T>);
      }
    }
    table += std::int64_t(from) * numbers<T> * pitch;
    unsigned char* const shared_table = stage(s) + points * row_bytes;
    for (int at = 2 * tid; at < here * numbers<T> * pitch; at += 2 * gpu_threads)
      gpu::async_copy16(shared_table + at * int(sizeof(double)), table + at);
  }
};

// One unit of two rows against the thread's groups; table: at the unit's first column.
template <class T, int A>
__device__ inline void score_unit(const unsigned char* row, int next_row, const double* table,
                                  int pitch, int first_group, double (&score)[each][A]) {
  double x[each][numbers<T>];
#pragma unroll
  for (int r = 0; r < each; ++r)
    widen(*reinterpret_cast<const UnitOf<T>::Load*>(row + r * next_row), x[r]);
#pragma unroll
  for (int e = 0; e < numbers<T>; ++e, table += pitch) {
    if constexpr (table_head < T >> 0) {
      const double mean = table[0];
#pragma unroll
      for (int r = 0; r < each; ++r) x[r][e] -= mean;
    }
    const Pair* of_groups = reinterpret_cast<const Pair*>(table + table_head<T> + first_group);
#pragma unroll
    for (int g = 0; g < A; g += 2) {
      const Pair c = of_groups[g / 2];
#pragma unroll
      for (int r = 0; r < each; ++r) {
        if constexpr (table_head < T >> 0) {
          score[r][g] = fma(c.first, x[r][e], score[r][g]);
          score[r][g + 1] = fma(c.second, x[r][e], score[r][g + 1]);
        } else {
          const double one = x[r][e] - c.first, other = x[r][e] - c.second;
          score[r][g] = fma(one, one, score[r][g]);
          score[r][g + 1] = fma(other, other, score[r][g + 1]);
        }
      }
    }
  }
}

struct Best {
  double score;
  std::int32_t group;
  __device__ void meet(double s, std::int32_t g) {
    if (s < score || (s == score && g < group)) {
      score = s;
      group = g;
    }
  }
};

// The least score of the thread's two points among its groups, of all passes.
template <class T, int A, int Slices>
__device__ inline void score_tile(const GpuPoints<T>& p, const Tile<T, A, Slices>& tile,
                                  std::int64_t first, Best (&best)[each]) {
  using Copied = Tile<T, A, Slices>;
  constexpr int a_slice = gpu_threads / Slices;
  const int slice = int(threadIdx.x) / a_slice, own = int(threadIdx.x) % a_slice,
            last = tile.stages_of_a_row();
#pragma unroll 1
  for (int pass = 0; pass < p.plan.passes; ++pass) {
    const int first_group = pass * A * Slices + slice * A;
    const double* const table = p.table + pass * p.stride * Copied::pitch;
    double score[each][A];
#pragma unroll
    for (int g = 0; g < A; ++g) score[0][g] = score[1][g] = p.start[first_group + g];
#pragma unroll 1
    for (int s = 1 - stages; s < last; ++s) {  // negative: the first stages are on their way
      if (s >= 0) {
        gpu::async_wait<stages - 2>();
        // the stage is there for all, and all are done with the one that is overwritten now
        __syncthreads();
      }
      if (s + stages - 1 < last) tile.copy(table, s + stages - 1);
      gpu::async_commit();
      if (s < 0) continue;
      const unsigned char* const stage = tile.stage(s);
      const int units =
          tile.units - s * stage_units < stage_units ? tile.units - s * stage_units : stage_units;
#pragma unroll 1
      for (int u = 0; u < units; ++u)
        score_unit<T, A>(stage + own * row_bytes + u * unit_bytes, a_slice * row_bytes,
                         Copied::table_of(stage) + u * numbers<T> * Copied::pitch, Copied::pitch,
                         slice * A, score);
    }
#pragma unroll
    for (int r = 0; r < each; ++r)
#pragma unroll
      for (int g = 0; g < A; ++g) best[r].meet(score[r][g], first_group + g);
    if (p.all != nullptr) {
#pragma unroll
      for (int r = 0; r < each; ++r)
#pragma unroll
        for (int g = 0; g < A; ++g)
          if (const std::int64_t i = first + own + r * a_slice;
              first_group + g < p.groups && i < p.count)
            p.all[(first_group + g) * p.all_stride + i] = score[r][g];
    }
    __syncthreads();  // all are done with the stages
  }
}

// What the slices found of each point, in the first slice's threads.
template <int Slices>
__device__ inline void join_slices(unsigned char* shared, Best (&best)[each]) {
  if constexpr (Slices > 1) {
    constexpr int a_slice = gpu_threads / Slices;
    const int slice = int(threadIdx.x) / a_slice, own = int(threadIdx.x) % a_slice;
    Best* found = reinterpret_cast<Best*>(shared);
    for (int r = 0; r < each; ++r) found[(slice * each + r) * a_slice + own] = best[r];
    __syncthreads();
    if (slice == 0)
      for (int r = 0; r < each; ++r)
        for (int s = 1; s < Slices; ++s) {
          const Best other = found[(s * each + r) * a_slice + own];
          best[r].meet(other.score, other.group);
        }
    __syncthreads();
  }
}

template <class T, int A, int Slices>
__global__ void __launch_bounds__(gpu_threads, A == 16 ? 3 : 4)
    score_kernel(const __grid_constant__ GpuPoints<T> p) {
  unsigned char* shared = gpu::shared<unsigned char>();
  const std::int64_t first = std::int64_t(blockIdx.x) * Tile<T, A, Slices>::points;
  const Tile<T, A, Slices> tile(p, first, shared);
  Best best[each];
#pragma unroll
  for (int r = 0; r < each; ++r) best[r] = {INFINITY, 0};
  score_tile<T, A, Slices>(p, tile, first, best);
  join_slices<Slices>(shared, best);

  constexpr int a_slice = gpu_threads / Slices;
  const Sorting sorting(shared, p.plan, p.groups);
  if (int(threadIdx.x) < a_slice) {  // whole warps
    long long inertia = 0;
#pragma unroll
    for (int r = 0; r < each; ++r) {
      const int at = int(threadIdx.x) + r * a_slice;
      const std::int64_t i = first + at;
      const bool there = i < p.count;
      if (there && p.group != nullptr) p.group[i] = best[r].group;
      if (there && p.distance != nullptr) p.distance[i] = best[r].score;
      if constexpr (std::is_same_v<T, double>)
        if (p.sums != nullptr) {
          sorting.group[at] = there ? best[r].group : -1;
          if (there) inertia += __double2ll_rn(best[r].score * p.inertia_scale);
        }
    }
    if constexpr (std::is_same_v<T, double>)
      if (p.sums != nullptr) {
        for (int by = 16; by > 0; by /= 2) inertia += __shfl_xor_sync(gpu::all_lanes, inertia, by);
        if (gpu::lane() == 0) add(p.inertia, inertia);
      }
  }
  if constexpr (std::is_same_v<T, double>)
    if (p.sums != nullptr) {
      const int points = sort_by_group(p, sorting);
      add_runs(p, first, sorting, points);
    }
}

template <class T>
void launch_scores(const GpuPoints<T>& p, const gpu::Stream& stream) {
  if (p.count == 0) return;
  const dim3 grid{unsigned((p.count + p.plan.tile_points() - 1) / p.plan.tile_points()), 1, 1};
  const std::size_t bytes =
      std::size_t(std::max(stages * bytes_of_stage<T>(p.plan), Sorting::bytes(p.plan, p.groups)));
  const auto kernel = p.plan.a_thread == 4 ? score_kernel<T, 4, 1>
                      : p.plan.a_thread == 16
                          ? (p.plan.slices == 2 ? score_kernel<T, 16, 2> : score_kernel<T, 16, 4>)
                          : (p.plan.slices == 1 ? score_kernel<T, 8, 1> : score_kernel<T, 8, 2>);
  gpu::launch(kernel, grid, unsigned(gpu_threads), bytes, stream, p);
}

}  // namespace

template <>
void score_points<gpu::Platform>(const GpuPoints<float>& points, const gpu::Stream& stream) {
  launch_scores(points, stream);
}
template <>
void score_points<gpu::Platform>(const GpuPoints<double>& points, const gpu::Stream& stream) {
  launch_scores(points, stream);
}

}  // namespace fedfuse::kmeans
