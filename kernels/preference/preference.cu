// The three forms on a device: fused (preference_fused.cuh), naive, and around cuBLAS' products.
#include "kernels/preference/preference_blas.cuh"
#include "kernels/preference/preference_fused.cuh"
#include "kernels/preference/preference_gpu.hpp"
#include "kernels/preference/preference_naive.cuh"
#include "kernels/preference/preference_prepare.cuh"

namespace fedfuse::preference {
namespace {

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
  prepare(p, {}, s.groups, stream);
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
