#include "core/gpu/gemm.hpp"

#include <bit>

#ifdef FEDFUSE_HAVE_CUDA
#include <cublas_v2.h>

#include "core/text.hpp"
#endif

namespace fedfuse::gpu {
namespace {

float value_of(Half bits) { return float(std::bit_cast<_Float16>(bits)); }
void set(Half& to, float x) { to = std::bit_cast<Half>(static_cast<_Float16>(x)); }
void set(float& to, float x) { to = x; }

template <class C>
void multiply_plainly(const HalfProduct& p, C* c) {
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      float sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k)
        sum += value_of(p.a[i * p.a_stride + k]) * value_of(p.b[j * p.b_stride + k]);
      set(c[i * p.c_stride + j], sum);
    }
}

#ifdef FEDFUSE_HAVE_CUDA
void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw InternalError(cat("cuBLAS: ", what, ": ", cublasGetStatusString(status)));
}

std::shared_ptr<void> open_library() {
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle), "a handle");
  return {handle, [](void* h) { cublasDestroy(static_cast<cublasHandle_t>(h)); }};
}

// cuBLAS counts columns first: it sees C^T = B A^T.
void multiply_fast(void* owner, const HalfProduct& p, void* c, cudaDataType_t type,
                   const Stream& stream) {
  auto* handle = static_cast<cublasHandle_t>(owner);
  check(cublasSetStream(handle, static_cast<cudaStream_t>(stream.handle())), "its stream");
  const float one = 1, zero = 0;
  check(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, int(p.n), int(p.m), int(p.k), &one, p.b,
                     CUDA_R_16F, int(p.b_stride), p.a, CUDA_R_16F, int(p.a_stride), &zero, c, type,
                     int(p.c_stride), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        "a product");
}
#endif

}  // namespace

Gemm::Gemm([[maybe_unused]] const Device& device) {
#ifdef FEDFUSE_HAVE_CUDA
  if (!device.info().emulated) handle_ = open_library();
#endif
}

void Gemm::multiply(const HalfProduct& p, Half* c, const Stream& stream) const {
#ifdef FEDFUSE_HAVE_CUDA
  if (handle_ != nullptr) return multiply_fast(handle_.get(), p, c, CUDA_R_16F, stream);
#endif
  enqueue_emulated(stream, [=] { multiply_plainly(p, c); });
}
void Gemm::multiply(const HalfProduct& p, float* c, const Stream& stream) const {
#ifdef FEDFUSE_HAVE_CUDA
  if (handle_ != nullptr) return multiply_fast(handle_.get(), p, c, CUDA_R_32F, stream);
#endif
  enqueue_emulated(stream, [=] { multiply_plainly(p, c); });
}

}  // namespace fedfuse::gpu
