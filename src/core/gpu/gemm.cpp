#include "core/gpu/gemm.hpp"

#include <bit>
#include <optional>

#include "core/gpu/blas.hpp"

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

}  // namespace

#ifdef FEDFUSE_HAVE_CUBLAS
struct Gemm::Library {
  std::optional<Blas> blas;
  void multiply(const HalfProduct& p, void* c, bool half, const Stream& stream) {
    if (!blas) {
      stream.device().make_current();
      blas.emplace();
    }
    blas->multiply({.m = int(p.m),
                    .n = int(p.n),
                    .k = int(p.k),
                    .a = p.a,
                    .b = p.b,
                    .c = c,
                    .out = half ? CUDA_R_16F : CUDA_R_32F,
                    .a_stride = int(p.a_stride),
                    .b_stride = int(p.b_stride),
                    .c_stride = int(p.c_stride)},
                   stream);
  }
};
#else
struct Gemm::Library {
  void multiply(const HalfProduct&, void*, bool, const Stream&) {
    throw InputError("cuBLAS cannot be used", why_no_blas(), "build where its header is found");
  }
};
#endif

Gemm::Gemm(const Device& device)
    : library_(device.info().emulated ? nullptr : std::make_shared<Library>()) {}

void Gemm::multiply(const HalfProduct& p, Half* c, const Stream& stream) const {
  if (library_ != nullptr) return library_->multiply(p, c, true, stream);
  enqueue_emulated(stream, [=] { multiply_plainly(p, c); });
}
void Gemm::multiply(const HalfProduct& p, float* c, const Stream& stream) const {
  if (library_ != nullptr) return library_->multiply(p, c, false, stream);
  enqueue_emulated(stream, [=] { multiply_plainly(p, c); });
}

}  // namespace fedfuse::gpu
