// C_l = f_l0 S_l + sum_j f_lj F_j, in double (group_targets.hpp). A thread takes four numbers of
// the table in all groups: it reads the views once and keeps them, and of each group 32 bytes of
// sums in, 16 bytes out. Bound by memory: 12 G + 4 J bytes a number; a conversion, J multiply-adds
// and a product in double beside them.
#include "core/gpu/platform.hpp"
#include "kernels/group_targets/group_targets.hpp"
#include "kernels/group_targets/target.hpp"

namespace fedfuse::group_targets {
namespace {

constexpr int block = 256, at_once = 4;

struct alignas(16) Two {
  std::int64_t x, y;
};

template <int J>
__global__ void __launch_bounds__(block) targets_kernel(const __grid_constant__ Problem p) {
  const std::int64_t cells = p.items * p.width, quads = cells / at_once,
                     apart = std::int64_t(gridDim.x) * block;
  for (std::int64_t q = std::int64_t(blockIdx.x) * block + threadIdx.x; q < quads; q += apart) {
    float x[at_once][J];
#pragma unroll
    for (int j = 0; j < J; ++j) {
      const auto four = reinterpret_cast<const float4*>(p.view[std::size_t(j)])[q];
      x[0][j] = four.x;
      x[1][j] = four.y;
      x[2][j] = four.z;
      x[3][j] = four.w;
    }
    // loads of several groups are on their way at once
#pragma unroll 4
    for (std::int64_t l = 0; l < p.groups; ++l) {
      const auto* const sums = reinterpret_cast<const Two*>(p.sums + l * cells) + 2 * q;
      const Two a = sums[0], b = sums[1];
      const double* f = p.factors + l * (1 + J);
      reinterpret_cast<float4*>(p.targets + l * cells)[q] =
          make_float4(target_of<J>(f, a.x, x[0]), target_of<J>(f, a.y, x[1]),
                      target_of<J>(f, b.x, x[2]), target_of<J>(f, b.y, x[3]));
    }
  }
}

template <int J>
void launch(const Problem& p, const gpu::Stream& stream) {
  // 132 x 8 blocks are resident on the largest chip
  constexpr std::int64_t most = 132 * 8;
  const auto blocks = (p.cells() / at_once + block - 1) / block;
  gpu::launch(targets_kernel<J>, dim3{unsigned(blocks < most ? blocks : most), 1, 1}, block, 0,
              stream, p);
}

}  // namespace

template <>
void make_targets<gpu::Platform>(const Problem& p, const gpu::Stream& stream) {
  FEDFUSE_CHECK(p.views >= 1 && p.views <= most_views, "targets are made of one to three views");
  FEDFUSE_CHECK(p.cells() % at_once == 0, "a device makes four numbers of a target at once");
  if (p.views == 1) return launch<1>(p, stream);
  if (p.views == 2) return launch<2>(p, stream);
  launch<3>(p, stream);
}

}  // namespace fedfuse::group_targets
