#include "device/device_ceilings.hpp"

#ifdef FEDFUSE_HAVE_CUDA
#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <functional>

#include "core/text.hpp"
#include "device/fma.hpp"

namespace fedfuse::bench {
namespace {

void check(int code, const char* what) {
  if (code != 0) throw InternalError(cat(what, ": error ", code));
}

class Blas {
 public:
  Blas() { check(cublasCreate(&handle_), "cublasCreate"); }
  ~Blas() { cublasDestroy(handle_); }
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  [[nodiscard]] cublasHandle_t get() const { return handle_; }

 private:
  cublasHandle_t handle_ = nullptr;
};

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

}  // namespace

DeviceCeilings measure_device(const gpu::Device& device) {
  DeviceCeilings top;
  if (device.info().emulated) return top;
  const auto shared = gpu::open_cuda_device(device.info().index);
  const gpu::Stream stream(shared);
  const auto cuda_stream = static_cast<cudaStream_t>(stream.handle());
  {
    constexpr std::size_t bytes = std::size_t(1) << 30;
    const gpu::Buffer<std::uint8_t> from(shared, bytes), to(shared, bytes);
    const double seconds = best_seconds(stream, [&] {
      check(cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, cuda_stream),
            "copy");
    });
    top.copy_bytes = 2.0 * double(bytes) / seconds;
  }
  {
    const int blocks = 64 * device.info().multiprocessors;  // eight fill one
    constexpr int steps = 128 * fma_unrolled;
    const gpu::Buffer<float> out(shared, std::size_t(blocks) * fma_threads);
    top.fma_flops = fma_flops(blocks, steps) / best_seconds(stream, [&] {
                      launch_fma(out.data(), blocks, steps, cuda_stream);
                      check(cudaGetLastError(), "fma");
                    });
  }
  constexpr int n = 8192;
  const double flops = 2.0 * n * n * double(n);
  const Blas blas;
  check(cublasSetStream(blas.get(), cuda_stream), "cublasSetStream");
  gpu::Buffer<float> a(shared, std::size_t(n) * n), b(shared, std::size_t(n) * n),
      c(shared, std::size_t(n) * n);
  a.fill_bytes(0x3c, stream);
  b.fill_bytes(0x3c, stream);  // numbers near 0.01 or 1: zeros draw no power, and clock higher
  const float one = 1, zero = 0;
  const auto product = [&](cudaDataType_t type, cublasComputeType_t compute) {
    return flops / best_seconds(stream, [&] {
             check(cublasGemmEx(blas.get(), CUBLAS_OP_T, CUBLAS_OP_N, n, n, n, &one, a.data(), type,
                                n, b.data(), type, n, &zero, c.data(), CUDA_R_32F, n, compute,
                                CUBLAS_GEMM_DEFAULT),
                   "cublasGemmEx");
           });
  };
  top.sgemm_flops = product(CUDA_R_32F, CUBLAS_COMPUTE_32F);
  top.tensor_flops = product(CUDA_R_16F, CUBLAS_COMPUTE_32F);
  return top;
}

}  // namespace fedfuse::bench

#else
namespace fedfuse::bench {
DeviceCeilings measure_device(const gpu::Device&) { return {}; }
}  // namespace fedfuse::bench
#endif
