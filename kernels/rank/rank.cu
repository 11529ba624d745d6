// count_u = #{i : s_ui > h_u}, #{i : s_ui = h_u}; s_ui = b_u + g_u . f_i, one chain of fused multiply-adds over k.
//
// A block owns 128 clients and walks through tiles of 128 items; a thread owns 8 x 8 scores of a tile: 4 loads of 16 bytes feed 64 multiply-adds.
// Three stages of 16 k stand in shared memory, copied behind the back of the registers. A thread counts into one word a client: four counts of 8
// bits, which 31 tiles cannot overflow; integers, so any order of adding them gives the same.
#include "core/gpu/intrinsics.hpp"
#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse::rank {
namespace {

constexpr int block_threads = 256, stages = 3, side = 8, tiles_before_flush = 31;
constexpr int stage_floats = block_depth * (block_clients + block_items), copies = stage_floats / 4 / block_threads;

// items_k[p d + k][i] = F_p[i][k]: 32 x 32 numbers at a time through shared memory, so that both sides are met in whole lines.
__global__ void transpose_kernel(const __grid_constant__ GpuRank r) {
  float* tile = gpu::shared<float>();  // 32 x 33
  const int lane = int(threadIdx.x) % 32, row = int(threadIdx.x) / 32, rows = int(blockDim.x) / 32;
  const std::int64_t first_item = std::int64_t(blockIdx.x) * 32;
  const int first_k = int(blockIdx.y) * 32, k = first_k + lane;
  const float* plane = k < r.planes * r.d ? r.view[k / r.d] + k % r.d : nullptr;
  for (int i = row; i < 32; i += rows) tile[lane * 33 + i] = plane != nullptr && first_item + i < r.items ? plane[(first_item + i) * r.d] : 0.0f;
  __syncthreads();
  for (int j = row; j < 32; j += rows)
    if (first_k + j < r.depth()) r.items_k[(first_k + j) * r.padded_items() + first_item + lane] = tile[j * 33 + lane];
}

// The score of item i with its shared row.
__device__ inline float shared_score(const GpuRank& r, std::int64_t u, std::int64_t i) {
  float sum = r.bias[u];
  for (int k = 0; k < r.planes * r.d; ++k) sum = fmaf(r.clients_k[k * r.padded_clients() + u], r.items_k[k * r.padded_items() + i], sum);
  return sum;
}

// With own row number `own`: z first, then the head.
__device__ inline float own_score(const GpuRank& r, std::int64_t u, std::int64_t i, std::int64_t own) {
  float sum = r.bias[u];
  for (int k = 0; k < r.d; ++k) {
    float z = r.own_rows[own * r.d + k];
    for (int p = 0; p < r.views && r.rows_add; ++p) z = fmaf(r.omega[u * r.planes + p], r.items_k[(p * r.d + k) * r.padded_items() + i], z);
    sum = fmaf(r.weight[u * r.d + k], z, sum);
  }
  return sum;
}

// Where id stands among ids[begin] .. ids[end - 1]; -1: nowhere.
__device__ inline std::int64_t find(const std::int32_t* ids, std::int64_t begin, std::int64_t end, std::int32_t id) {
  while (begin < end) {
    const std::int64_t middle = (begin + end) / 2;
    if (ids[middle] == id) return middle;
    if (ids[middle] < id)
      begin = middle + 1;
    else
      end = middle;
  }
  return -1;
}
__device__ inline std::int64_t find(const GpuLists& lists, std::int64_t u, std::int32_t id) {
  return find(lists.ids, lists.begin[u], lists.begin[u + 1], id);
}
__device__ inline bool dropped(const GpuRank& r, std::int64_t u, std::int32_t id) {
  return find(r.dropped, u, id) >= 0 || find(r.excluded, 0, r.excluded_count, id) >= 0;
}

__global__ void threshold_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t at = std::int64_t(blockIdx.x) * blockDim.x + threadIdx.x, u = at / 2;
  if (u >= r.clients) return;
  const std::int32_t item = r.held[at] < 0 ? 0 : r.held[at];
  const std::int64_t own = find(r.own, u, item);
  r.threshold[at] = own >= 0 ? own_score(r, u, item, own) : shared_score(r, u, item);
}

// What this thread copies of every stage: the same 4 columns of every fourth row, of the clients' table or of the items'.
struct Copier {
  const float* from;
  std::int64_t pitch;
  int step;  // from one tile to the next
  __device__ Copier(const GpuRank& r, std::int64_t first_client) {
    const int column = 4 * (int(threadIdx.x) % 64);
    const bool client = column < block_clients;
    pitch = client ? r.padded_clients() : r.padded_items(), step = client ? 0 : block_items;
    from = (client ? r.clients_k + first_client + column : r.items_k + column - block_clients) + int(threadIdx.x) / 64 * pitch;
  }
  __device__ void copy(int tile, int chunk, float* stage) const {
    const float* source = from + std::int64_t(tile) * step + std::int64_t(chunk) * block_depth * pitch;
#pragma unroll
    for (int c = 0; c < copies; ++c, source += 4 * pitch) gpu::async_copy16(stage + 4 * (int(threadIdx.x) + c * block_threads), source);
  }
};

// A thread's 8: 4 from 4 x, 4 from 64 + 4 x, so that 8 lanes read 128 bytes in a row.
__device__ inline int placed(int x, int j) { return (j < 4 ? 0 : 64) + 4 * x + j % 4; }
__device__ inline void load8(const float* from, int x, float (&to)[side]) {
  const float4 low = *reinterpret_cast<const float4*>(from + 4 * x), high = *reinterpret_cast<const float4*>(from + 64 + 4 * x);
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w, to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}

__device__ inline void multiply(const float* stage, int x, int y, float (&score)[side][side]) {
#pragma unroll 2  // 4 or more spill on sm_80
  for (int k = 0; k < block_depth; ++k) {
    float client[side], item[side];
    load8(stage + k * (block_clients + block_items), y, client);
    load8(stage + k * (block_clients + block_items) + block_clients, x, item);
#pragma unroll
    for (int c = 0; c < side; ++c)
#pragma unroll
      for (int i = 0; i < side; ++i) score[c][i] = fmaf(client[c], item[i], score[c][i]);
  }
}

// Comparisons with not-a-number are false.
__device__ inline unsigned compared(float score, const float2& held) {
  return unsigned(score > held.x) | unsigned(score == held.x) << 8 | unsigned(score > held.y) << 16 | unsigned(score == held.y) << 24;
}

// packed: a word a client, block_threads words apart.
__device__ inline void flush(const GpuRank& r, std::int64_t first_client, int y, unsigned* packed) {
#pragma unroll
  for (int c = 0; c < side; ++c) {
    const std::int64_t u = first_client + placed(y, c);
    if (u < r.clients)
#pragma unroll
      for (int w = 0; w < 4; ++w)
        if (const int n = int(packed[c * block_threads] >> (8 * w) & 255u); n > 0) atomicAdd(r.count + 4 * u + w, n);
    packed[c * block_threads] = 0;
  }
}

__global__ void __launch_bounds__(block_threads, 2) count_kernel(const __grid_constant__ GpuRank r) {
  float* stage = gpu::shared<float>();
  float* fixed = stage + stages * stage_floats;  // 128 biases, 128 pairs of thresholds
  const std::int64_t first_client = std::int64_t(blockIdx.x) * block_clients;
  const int tiles = int(r.padded_items() / block_items);
  const int x = int(threadIdx.x) % 16, y = int(threadIdx.x) / 16, chunks = int(r.depth() / block_depth);
  for (int c = int(threadIdx.x); c < block_clients; c += block_threads) {
    const std::int64_t u = first_client + c < r.clients ? first_client + c : r.clients - 1;
    fixed[c] = r.bias[u], fixed[block_clients + 2 * c] = r.threshold[2 * u], fixed[block_clients + 2 * c + 1] = r.threshold[2 * u + 1];
  }
  __syncthreads();
  // The next stage to copy: one position in the walk ahead of the other.
  const Copier copier(r, first_client);
  int copy_tile = int(blockIdx.y), copy_chunk = 0, copy_slot = 0, slot = 0, since_flush = 0;
  const auto copy_next = [&] {
    if (copy_tile < tiles) copier.copy(copy_tile, copy_chunk, stage + copy_slot * stage_floats);
    gpu::async_commit();
    copy_slot = copy_slot + 1 == stages ? 0 : copy_slot + 1;
    if (++copy_chunk == chunks) copy_chunk = 0, copy_tile += int(gridDim.y);
  };
  copy_next();
  copy_next();
  // In shared memory, each thread its own: touched once a tile, while registers are short.
  unsigned* packed = reinterpret_cast<unsigned*>(fixed + 3 * block_clients) + threadIdx.x;
  for (int c = 0; c < side; ++c) packed[c * block_threads] = 0;
#pragma unroll 1
  for (int tile = int(blockIdx.y); tile < tiles; tile += int(gridDim.y)) {
    float score[side][side];
#pragma unroll
    for (int c = 0; c < side; ++c)
#pragma unroll
      for (int i = 0; i < side; ++i) score[c][i] = fixed[placed(y, c)];
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; ++chunk) {
      gpu::async_wait<1>();
      __syncthreads();  // the stage is there for all, and all are done with the one that is overwritten now
      copy_next();
      multiply(stage + slot * stage_floats, x, y, score);
      slot = slot + 1 == stages ? 0 : slot + 1;
    }
    const std::int64_t last = r.items - std::int64_t(tile) * block_items;
#pragma unroll
    for (int c = 0; c < side; ++c) {
      const float2 held = *reinterpret_cast<const float2*>(fixed + block_clients + 2 * placed(y, c));
      unsigned counts = 0;
#pragma unroll
      for (int i = 0; i < side; ++i)
        if (placed(x, i) < last) counts += compared(score[c][i], held);
      packed[c * block_threads] += counts;
    }
    if (++since_flush == tiles_before_flush) flush(r, first_client, y, packed), since_flush = 0;
  }
  flush(r, first_client, y, packed);
  gpu::async_wait<0>();
}

__device__ inline void count(const GpuRank& r, std::int64_t u, float score, int sign) {
  const unsigned counts = compared(score, {r.threshold[2 * u], r.threshold[2 * u + 1]});
  for (int w = 0; w < 4; ++w)
    if ((counts >> (8 * w) & 1u) != 0) atomicAdd(r.count + 4 * u + w, sign);
}

// A block a client: takes back what was counted of items that are no candidates or have a row of their own, and counts the latter anew.
__global__ void correct_kernel(const __grid_constant__ GpuRank r) {
  const std::int64_t u = blockIdx.x, tid = threadIdx.x, threads = blockDim.x;
  for (std::int64_t o = r.own.begin[u] + tid; o < r.own.begin[u + 1]; o += threads) {
    const std::int32_t id = r.own.ids[o];
    count(r, u, shared_score(r, u, id), -1);
    if (!dropped(r, u, id)) count(r, u, own_score(r, u, id, o), 1);
  }
  for (std::int64_t o = r.dropped.begin[u] + tid; o < r.dropped.begin[u + 1]; o += threads)
    if (find(r.own, u, r.dropped.ids[o]) < 0) count(r, u, shared_score(r, u, r.dropped.ids[o]), -1);
  for (std::int64_t o = tid; o < r.excluded_count; o += threads)
    if (const std::int32_t id = r.excluded[o]; find(r.own, u, id) < 0 && find(r.dropped, u, id) < 0) count(r, u, shared_score(r, u, id), -1);
}

}  // namespace

template <>
void count_ranks<gpu::Platform>(const GpuRank& r, int splits, const gpu::Stream& stream) {
  if (r.clients == 0 || r.items == 0) return;
  constexpr unsigned threads = 256, transposing = 256;
  constexpr std::size_t bytes = (stages * stage_floats + 3 * block_clients + side * block_threads) * sizeof(float);
  const dim3 tiles{unsigned(r.padded_items() / 32), unsigned((r.depth() + 31) / 32), 1};
  gpu::launch(transpose_kernel, tiles, transposing, 32 * 33 * sizeof(float), stream, r);
  gpu::launch(threshold_kernel, dim3{unsigned((2 * r.clients + threads - 1) / threads), 1, 1}, threads, 0, stream, r);
  gpu::launch(count_kernel, dim3{unsigned(r.padded_clients() / block_clients), unsigned(splits), 1}, unsigned(block_threads), bytes, stream, r);
  gpu::launch(correct_kernel, dim3{unsigned(r.clients), 1, 1}, 64, 0, stream, r);
}

}  // namespace fedfuse::rank
