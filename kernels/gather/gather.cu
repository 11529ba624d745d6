// to[i] = from[rows[i]]: a warp a row, 16 bytes a lane where rows are whole multiples of them
// (allocations start at such).
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

template <class Word>
void launch(const Problem& p, const gpu::Stream& stream) {
  // 132 x 8 blocks are resident on the largest chip; a few turns even out
  constexpr std::int64_t most = 132 * 8 * 4, warps_a_block = block / 32;
  const auto blocks = (p.count + warps_a_block - 1) / warps_a_block;
  gpu::launch(gather_kernel<Word>, dim3{unsigned(blocks < most ? blocks : most), 1, 1}, block, 0,
              stream, reinterpret_cast<const Word*>(p.from), p.rows, reinterpret_cast<Word*>(p.to),
              p.count, int(p.width * std::int64_t(sizeof(float)) / std::int64_t(sizeof(Word))));
}

}  // namespace

template <>
void gather_rows<gpu::Platform>(const Problem& p, const gpu::Stream& stream) {
  if (p.width == 0) return;
  if (p.width % 4 == 0) return launch<float4>(p, stream);
  launch<float>(p, stream);
}

}  // namespace fedfuse::gather
