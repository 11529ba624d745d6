// One thread block, one client.
#include "core/gpu/block.cuh"
#include "kernels/sample/sample_gpu.hpp"

namespace fedfuse::sample {
namespace {

constexpr std::int32_t scan_words = 32;

struct Mine {
  const std::int32_t* positives;
  std::int32_t id, positive_count, valid, test;
  std::int64_t begin, room;
};

__device__ inline Mine client_of(const GpuSampling& s, int c) {
  Mine m;
  const std::int32_t u = s.local[c];
  m.id = s.ids[u];
  m.positives = s.train + s.offsets[u];
  m.positive_count = std::int32_t(s.offsets[u + 1] - s.offsets[u]);
  m.valid = s.spare_held_out ? s.valid[u] : -1;
  m.test = s.spare_held_out ? s.test[u] : -1;
  m.begin = s.begin[c];
  m.room = s.begin[c + 1] - m.begin;
  return m;
}

constexpr std::uint32_t positive_bit = 1u << 31;

// The first place in ids[0, n) that is not below id.
__device__ inline std::int32_t lower_bound(const std::int32_t* ids, std::int32_t n,
                                           std::int32_t id) {
  std::int32_t first = 0;
  while (n > 0) {
    const std::int32_t half = n / 2;
    if (ids[first + half] < id) {
      first += half + 1;
      n -= half + 1;
    } else
      n = half;
  }
  return first;
}

__device__ inline bool is_positive(const Mine& m, std::int32_t item) {
  const std::int32_t at = lower_bound(m.positives, m.positive_count, item);
  return at < m.positive_count && m.positives[at] == item;
}
__device__ inline bool excluded(const Mine& m, std::int32_t item) {
  return is_positive(m, item) || item == m.valid || item == m.test;
}

// Candidates in the order of the stream: a thread takes the four words of one counter, a scan tells
// where its accepted ones stand.
__device__ inline void draw_negatives(const GpuSampling& s, const Mine& m, std::int32_t wanted,
                                      std::int32_t* to, std::int32_t* totals) {
  for (std::int32_t found = 0, index = std::int32_t(threadIdx.x); found < wanted;
       index += std::int32_t(blockDim.x)) {
    const auto words =
        s.negatives.words(std::uint64_t(std::int64_t(m.id)), s.round, std::uint32_t(index));
    std::int32_t item[4], accepted = 0;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      item[k] = std::int32_t(s.in_order ? std::uint32_t(4 * index + k) % s.pool
                                        : Rng::below(words[std::size_t(k)], s.pool));
      if (s.listed != nullptr) item[k] = s.listed[item[k]];
      if (excluded(m, item[k])) item[k] = -1;
      accepted += item[k] >= 0 ? 1 : 0;
    }
    std::int32_t all = 0, at = found + gpu::block_scan(accepted, totals, all);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (item[k] >= 0 && at < wanted) to[at] = item[k];
      at += item[k] >= 0 ? 1 : 0;
    }
    found += all;
  }
}

// Batcher's odd-even merge sort, any n: every comparator points the same way, so those that reach
// beyond the end are left out.
__device__ inline void sort(std::int32_t* keys, std::int32_t n) {
  for (std::int32_t p = 1; p < n; p *= 2)
    for (std::int32_t k = p; k >= 1; k /= 2) {
      const std::int32_t first = k == p ? 0 : k;
      for (std::int32_t t = std::int32_t(threadIdx.x); t + k < n; t += std::int32_t(blockDim.x)) {
        const bool compares = t >= first && ((t - first) & (2 * k - 1)) < k &&
                              (t & ~(2 * p - 1)) == ((t + k) & ~(2 * p - 1));
        if (!compares) continue;
        const std::int32_t low = keys[t], high = keys[t + k];
        if (low > high) {
          keys[t] = high;
          keys[t + k] = low;
        }
      }
      __syncthreads();
    }
}

// Sorted keys, each once, in place: nothing is written behind where it was read. Returns how many.
// visit(i, key, slot) of every sorted key: its place among those that stay.
template <class Visit>
__device__ inline std::int32_t unique(std::int32_t* keys, std::int32_t n, std::int32_t* totals,
                                      const Visit& visit) {
  std::int32_t kept = 0;
  for (std::int32_t first = 0; first < n; first += std::int32_t(blockDim.x)) {
    const std::int32_t i = first + std::int32_t(threadIdx.x);
    const std::int32_t key = i < n ? keys[i] : 0;
    const bool mine = i < n && (i == 0 || keys[i - 1] != key);
    std::int32_t all = 0;
    const std::int32_t at = kept + gpu::block_scan(mine ? 1 : 0, totals, all);
    if (mine) keys[at] = key;
    if (i < n) visit(i, key, mine ? at : at - 1);
    kept += all;
    __syncthreads();
  }
  return kept;
}

// A lane of the first warp shuffles an epoch: the swaps of one follow each other, the lanes keep
// step.
__device__ inline void shuffle(const GpuSampling& s, const Mine& m, std::int32_t n,
                               std::int32_t* order) {
  for (std::int64_t at = threadIdx.x; at < std::int64_t(n) * s.epochs; at += blockDim.x)
    order[at] = std::int32_t(at % n);
  __syncthreads();
  if (gpu::warp() == 0)
    for (int epoch = gpu::lane(); epoch < s.epochs; epoch += 32) {
      std::int32_t* mine = order + std::int64_t(epoch) * n;
      const auto who = std::uint64_t(std::int64_t(m.id)) | std::uint64_t(epoch) << 32;
      std::uint32_t index = 0;
      for (std::int32_t i = n; i > 1;) {
        const auto words = s.shuffle.words(who, s.round, index++);
#pragma unroll
        for (int k = 0; k < 4; ++k, --i) {
          if (i <= 1) continue;
          const auto j = Rng::below(words[std::size_t(k)], std::uint32_t(i));
          const std::int32_t other = mine[j];
          mine[j] = mine[i - 1];
          mine[i - 1] = other;
        }
      }
    }
  __syncthreads();
}

__device__ inline std::int32_t entry_of(std::int32_t slot, bool positive) {
  return slot | std::int32_t(positive ? positive_bit : 0u);
}

// An epoch of one batch: the same entries in every epoch.
__device__ inline void repeat(const std::int32_t* epoch, std::int32_t n, int epochs,
                              std::int32_t* entries) {
  for (std::int32_t i = std::int32_t(threadIdx.x); i < n; i += std::int32_t(blockDim.x))
    for (int e = 0; e < epochs; ++e) entries[std::int64_t(e) * n + i] = epoch[i];
}

__global__ void __launch_bounds__(256)
    draw_kernel(const __grid_constant__ GpuSampling s, bool in_shared) {
  const int c = int(blockIdx.x);
  const Mine m = client_of(s, c);
  const std::int32_t held_out = (m.valid >= 0 ? 1 : 0) + (m.test >= 0 ? 1 : 0);
  const bool any = std::int64_t(s.pool) > std::int64_t(m.positive_count) + held_out;
  const std::int32_t wanted = any ? m.positive_count * s.per_positive : 0,
                     n = m.positive_count + wanted;
  std::int32_t *totals = gpu::shared<std::int32_t>(), *work = totals + scan_words;
  std::int32_t* entries = s.entries + std::int64_t(s.epochs) * m.begin;
  std::int32_t* drawn = in_shared ? work : s.drawn + m.begin;
  std::int32_t* keys = in_shared ? work + n : s.items + m.begin;
  std::int32_t* order = in_shared ? work + 2 * std::int64_t(n) : entries;

  for (std::int32_t i = std::int32_t(threadIdx.x); i < m.positive_count;
       i += std::int32_t(blockDim.x))
    drawn[i] = m.positives[i];
  draw_negatives(s, m, wanted, drawn + m.positive_count, totals);
  __syncthreads();
  for (std::int32_t i = std::int32_t(threadIdx.x); i < n; i += std::int32_t(blockDim.x))
    keys[i] = drawn[i];
  __syncthreads();
  sort(keys, n);
  const bool by_slot = n <= s.batch;
  const std::int32_t slots =
      unique(keys, n, totals, [&](std::int32_t i, std::int32_t item, std::int32_t slot) {
        if (by_slot) drawn[i] = entry_of(slot, is_positive(m, item));
      });
  if (by_slot) {
    repeat(drawn, n, s.epochs, entries);
  } else {
    for (std::int32_t i = std::int32_t(threadIdx.x); i < n; i += std::int32_t(blockDim.x))
      drawn[i] = lower_bound(keys, slots, drawn[i]);
    shuffle(s, m, n, order);
    for (std::int64_t at = threadIdx.x; at < std::int64_t(n) * s.epochs; at += blockDim.x) {
      const std::int32_t sample = order[at];
      entries[at] = entry_of(drawn[sample], sample < m.positive_count);
    }
  }
  for (std::int64_t i = threadIdx.x; i < m.room; i += blockDim.x)
    s.items[m.begin + i] = i < slots ? keys[i] : -1;
  if (threadIdx.x == 0) {
    s.samples[c] = n;
    s.slots[c] = slots;
  }
}

}  // namespace

template <>
void draw_clients<gpu::Platform>(const GpuSamplePlan& plan, const GpuSampling& s,
                                 const gpu::Stream& stream) {
  gpu::launch(draw_kernel, {unsigned(s.count), 1, 1}, plan.threads, plan.shared_bytes, stream, s,
              plan.in_shared);
}

}  // namespace fedfuse::sample
