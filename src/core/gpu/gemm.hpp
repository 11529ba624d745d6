#pragma once
// C = A B^T on a device, half precision in, float sums: A m x k, B n x k, C m x n, row-major.
// cuBLAS on a CUDA device, plain loops on the emulated one.
#include <cstdint>
#include <memory>

#include "core/gpu/device.hpp"

namespace fedfuse::gpu {

using Half = std::uint16_t;  // bits

struct HalfProduct {
  std::int64_t m = 0, n = 0, k = 0;
  const Half *a = nullptr, *b = nullptr;
  std::int64_t a_stride = 0, b_stride = 0, c_stride = 0;  // from row to row
};

// cuBLAS is loaded by the first product; InputError where it is absent (why_no_blas). Asynchronous
// on the stream, which is one of the same device.
class Gemm {
 public:
  explicit Gemm(const Device& device);
  void multiply(const HalfProduct& product, Half* c, const Stream& stream) const;
  void multiply(const HalfProduct& product, float* c, const Stream& stream) const;

 private:
  struct Library;
  std::shared_ptr<Library> library_;  // null: plain loops
};

}  // namespace fedfuse::gpu
