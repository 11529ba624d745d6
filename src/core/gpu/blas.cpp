#include "core/gpu/blas.hpp"

#ifndef FEDFUSE_HAVE_CUBLAS

namespace fedfuse::gpu {
std::string why_no_blas() { return "built without the header of cuBLAS"; }
}  // namespace fedfuse::gpu

#else
#include <utility>

#include "core/error.hpp"
#include "core/gpu/wanted_library.hpp"
#include "core/text.hpp"

namespace fedfuse::gpu {

BlasCalls load_blas(const std::string& library) {
  WantedLibrary blas(library.empty() ? cat("libcublas.so.", CUBLAS_VER_MAJOR) : library);
  BlasCalls calls;
  blas.load(calls.create, "cublasCreate_v2");
  blas.load(calls.destroy, "cublasDestroy_v2");
  blas.load(calls.set_stream, "cublasSetStream_v2");
  blas.load(calls.product, "cublasGemmEx");
  blas.load(calls.text, "cublasGetStatusString");
  calls.refused = blas.refused();
  return calls;
}

std::string why_no_blas() {
  static const auto refused = load_blas().refused;
  return refused;
}

Blas::Blas(BlasCalls calls) : calls_(std::move(calls)) {
  if (!calls_.refused.empty())
    throw InputError("cuBLAS cannot be used", calls_.refused,
                     "install cuBLAS, or name its folder in LD_LIBRARY_PATH");
  check(calls_.create(&handle_), "a handle");
}

Blas::~Blas() {
  if (handle_ != nullptr) calls_.destroy(handle_);
}

// cuBLAS counts columns first: it sees C^T = B A^T.
void Blas::multiply(const BlasProduct& p, const Stream& stream) const {
  check(calls_.set_stream(handle_, static_cast<cudaStream_t>(stream.handle())), "its stream");
  const float one = 1, zero = 0;
  check(calls_.product(handle_, CUBLAS_OP_T, CUBLAS_OP_N, p.n, p.m, p.k, &one, p.b, p.in,
                       p.b_stride, p.a, p.in, p.a_stride, &zero, p.c, p.out, p.c_stride,
                       CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
        "a product");
}

void Blas::check(cublasStatus_t status, const char* what) const {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw InternalError(cat("cuBLAS: ", what, ": ", calls_.text(status)));
}

}  // namespace fedfuse::gpu
#endif
