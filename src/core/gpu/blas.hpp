#pragma once
// cuBLAS, loaded when it is wanted: it is half a gigabyte beside the program, for one variant of
// one kernel and two ceilings of the benchmarks. Where it is absent these are left out, with the
// reason.
#if defined(FEDFUSE_HAVE_CUDA) && defined(__has_include)
#if __has_include(<cublas_v2.h>)
#define FEDFUSE_HAVE_CUBLAS
#include <cublas_v2.h>
#endif
#endif

#include <string>

namespace fedfuse::gpu {

// Why cuBLAS cannot be called here, as a sentence that names the library; empty: it can.
[[nodiscard]] std::string why_no_blas();

}  // namespace fedfuse::gpu

#ifdef FEDFUSE_HAVE_CUBLAS
#include "core/gpu/device.hpp"

namespace fedfuse::gpu {

// Its library's functions, or a test's stand-ins for them.
struct BlasCalls {
  cublasStatus_t (*create)(cublasHandle_t*) = nullptr;
  cublasStatus_t (*destroy)(cublasHandle_t) = nullptr;
  cublasStatus_t (*set_stream)(cublasHandle_t, cudaStream_t) = nullptr;
  cublasStatus_t (*product)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n,
                            int k, const void* alpha, const void* a, cudaDataType a_type, int lda,
                            const void* b, cudaDataType b_type, int ldb, const void* beta, void* c,
                            cudaDataType c_type, int ldc, cublasComputeType_t,
                            cublasGemmAlgo_t) = nullptr;
  const char* (*text)(cublasStatus_t) = nullptr;
  std::string refused;  // why they cannot be called; empty: they can
};
// Of the version whose header the program was built with; `library` is for tests.
[[nodiscard]] BlasCalls load_blas(const std::string& library = {});

// C = A B^T, row-major: A m x k, B n x k (both of `in`), C m x n (of `out`), float sums.
struct BlasProduct {
  int m = 0, n = 0, k = 0;
  const void *a = nullptr, *b = nullptr;
  void* c = nullptr;
  cudaDataType in = CUDA_R_16F, out = CUDA_R_32F;
  int a_stride = 0, b_stride = 0, c_stride = 0;  // from row to row
};

// A handle of the current device.
class Blas {
 public:
  // InputError: cuBLAS is not here. InternalError: it is, and fails.
  explicit Blas(BlasCalls calls = load_blas());
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  // Asynchronous on the stream. InternalError.
  void multiply(const BlasProduct& product, const Stream& stream) const;

 private:
  void check(cublasStatus_t status, const char* what) const;
  BlasCalls calls_;
  cublasHandle_t handle_ = nullptr;
};

}  // namespace fedfuse::gpu
#endif
