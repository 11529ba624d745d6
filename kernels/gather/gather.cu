// to[i] = from[rows[i]]: 16 bytes a lane where rows are whole multiples of them (allocations start
// at such). A warp a row; of rows that are shorter than that, as many lanes as a row needs, and
// several rows are on their way at once.
#include "core/gpu/block.cuh"
#include "kernels/gather/gather.hpp"

namespace fedfuse::gather {
namespace {

constexpr int block = 256;

template <class Word>
__global__ void __launch_bounds__(block)
    gather_kernel(const Word* __restrict__ from, const std::int32_t* __restrict__ rows,
                  Word* __restrict__ to, std::int64_t count, int words) {
  const std::int64_t warps = std::int64_t(gridDim.x) * (block / 32);
  for (std::int64_t i = std::int64_t(blockIdx.x) * (block / 32) + gpu::warp(); i < count;
       i += warps) {
    const Word* row = from + std::int64_t(rows[i]) * words;
    Word* out = to + i * words;
#pragma unroll 4
    for (int k = gpu::lane(); k < words; k += 32) out[k] = row[k];
  }
}

constexpr int at_once = 4;

// lanes: of a row, a power of two from `words` on
template <class Word>
__global__ void __launch_bounds__(block)
    short_rows_kernel(const Word* __restrict__ from, const std::int32_t* __restrict__ rows,
                      Word* __restrict__ to, std::int64_t count, int words, int lanes) {
  const int k = int(threadIdx.x) % lanes, apart = block / lanes;
  if (k >= words) return;
  for (std::int64_t first = std::int64_t(blockIdx.x) * at_once * apart + int(threadIdx.x) / lanes;
       first < count; first += std::int64_t(gridDim.x) * at_once * apart) {
    Word row[at_once] = {};
#pragma unroll
    for (int j = 0; j < at_once; ++j)
      if (const auto i = first + j * apart; i < count)
        row[j] = from[std::int64_t(rows[i]) * words + k];
#pragma unroll
    for (int j = 0; j < at_once; ++j)
      if (const auto i = first + j * apart; i < count) to[i * words + k] = row[j];
  }
}

template <class Word>
void launch(const Problem& p, const gpu::Stream& stream) {
  const auto words = int(p.width * std::int64_t(sizeof(float)) / std::int64_t(sizeof(Word)));
  const auto put = [&](auto kernel, std::int64_t rows_a_block, auto... more) {
    // 132 x 8 blocks are resident on the largest chip; a few turns even out
    constexpr std::int64_t most = 132 * 8 * 4;
    const auto blocks = (p.count + rows_a_block - 1) / rows_a_block;
    gpu::launch(kernel, dim3{unsigned(blocks < most ? blocks : most), 1, 1}, block, 0, stream,
                reinterpret_cast<const Word*>(p.from), p.rows, reinterpret_cast<Word*>(p.to),
                p.count, words, more...);
  };
  if (words > 32) return put(gather_kernel<Word>, block / 32);
  int lanes = 1;
  while (lanes < words) lanes *= 2;
  put(short_rows_kernel<Word>, std::int64_t(block / lanes) * at_once, lanes);
}

}  // namespace

template <>
void gather_rows<gpu::Platform>(const Problem& p, const gpu::Stream& stream) {
  if (p.width == 0) return;
  if (p.width % 4 == 0) return launch<float4>(p, stream);
  launch<float>(p, stream);
}

}  // namespace fedfuse::gather
