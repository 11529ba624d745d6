#include "device/device_ceilings.hpp"

#ifdef FEDFUSE_HAVE_CUDA
#include <cuda_runtime_api.h>

#include <algorithm>
#include <functional>

#include "core/gpu/blas.hpp"
#include "core/gpu/cuda_errors.hpp"
#include "device/fma.hpp"
#include "device/random_gather.hpp"

namespace fedfuse::bench {
namespace {

double best_seconds(const gpu::Stream& stream, const std::function<void()>& work) {
  gpu::Timer timer(stream);
  double best = 1e30;
  for (int turn = 0; turn < 7; ++turn) {  // the first ones warm up
    timer.start();
    work();
    timer.stop();
    best = std::min(best, timer.seconds());
  }
  return best;
}

// 8192 x 8192 floats, no tensor cores, and the same in half precision.
void measure_products(DeviceCeilings& top, const gpu::Stream& stream) {
  top.no_blas = gpu::why_no_blas();
#ifdef FEDFUSE_HAVE_CUBLAS
  if (!top.no_blas.empty()) return;
  constexpr int n = 8192;
  const gpu::Blas blas;
  const auto square = [&] {
    return gpu::Buffer<float>(stream.shared_device(), std::size_t(n) * n);
  };
  auto a = square(), b = square(), c = square();
  a.fill_bytes(0x3c, stream);
  b.fill_bytes(0x3c, stream);  // numbers near 0.01 or 1: zeros draw no power, and clock higher
  const auto rate = [&](cudaDataType in) {
    const gpu::BlasProduct product{.m = n,
                                   .n = n,
                                   .k = n,
                                   .a = a.data(),
                                   .b = b.data(),
                                   .c = c.data(),
                                   .in = in,
                                   .a_stride = n,
                                   .b_stride = n,
                                   .c_stride = n};
    return 2.0 * n * n * double(n) / best_seconds(stream, [&] { blas.multiply(product, stream); });
  };
  top.sgemm_flops = rate(CUDA_R_32F);
  top.tensor_flops = rate(CUDA_R_16F);
#endif
}

}  // namespace

DeviceCeilings measure_device(const std::shared_ptr<gpu::Device>& device) {
  DeviceCeilings top;
  if (device->info().emulated) return top;
  const gpu::Stream stream(device);
  const auto cuda_stream = static_cast<cudaStream_t>(stream.handle());
  {
    constexpr std::size_t bytes = std::size_t(1) << 30;
    const gpu::Buffer<std::uint8_t> from(device, bytes), to(device, bytes);
    const double seconds = best_seconds(stream, [&] {
      gpu::check_cuda(
          cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, cuda_stream),
          "copy");
    });
    top.copy_bytes = 2.0 * double(bytes) / seconds;
  }
  {
    RandomGather gather(device, std::int64_t(1) << 22);  // of 1 GiB, as the copy
    gather.table().fill_bytes(0, stream);
    top.gather_bytes = gather.bytes() / best_seconds(stream, [&] { gather.launch(stream); });
  }
  {
    const int blocks = 64 * device->info().multiprocessors;  // eight fill one
    constexpr int steps = 128 * fma_unrolled;
    const gpu::Buffer<float> out(device, std::size_t(blocks) * fma_threads);
    top.fma_flops = fma_flops(blocks, steps) / best_seconds(stream, [&] {
                      launch_fma(out.data(), blocks, steps, cuda_stream);
                      gpu::check_cuda(cudaGetLastError(), "fma");
                    });
  }
  measure_products(top, stream);
  return top;
}

}  // namespace fedfuse::bench

#else
namespace fedfuse::bench {
DeviceCeilings measure_device(const std::shared_ptr<gpu::Device>&) { return {}; }
}  // namespace fedfuse::bench
#endif
