#pragma once
// Products of row-major float matrices and the small passes around them. One thread does each; the
// caller decides which rows a thread works on. Nothing depends on the size of a cache, so the bits
// are the same on any machine of one instruction set.
#include <cstdint>

#include "core/matrix.hpp"
#include "kernels/preference/packed.hpp"

namespace fedfuse::dense {

// rows x cols, rows `stride` floats apart.
struct ConstView {
  const float* data;
  std::int64_t rows, cols, stride;
};
struct View {
  float* data;
  std::int64_t rows, cols, stride;
  operator ConstView() const { return {data, rows, cols, stride}; }
};
// stride 0: cols.
inline View view(float* p, std::int64_t rows, std::int64_t cols, std::int64_t stride = 0) {
  return {p, rows, cols, stride == 0 ? cols : stride};
}
inline ConstView view(const float* p, std::int64_t rows, std::int64_t cols,
                      std::int64_t stride = 0) {
  return {p, rows, cols, stride == 0 ? cols : stride};
}

void multiply(ConstView A, ConstView B, View C);      // C = A B
void multiply_add(ConstView A, ConstView B, View C);  // C += A B
// C = A^T B: gradients of weights
void multiply_transposed(ConstView A, ConstView B, View C);
// C = A B^T: forward through weights
void multiply_by_transposed(ConstView A, const Packed& B, View C);
void pack(ConstView B, Packed& packed);

void set_zero(View x);
void add_row(View x, const float* bias);    // to each of the rows
void column_sums(ConstView x, float* out);  // over the rows, in their order
void relu(float* x, std::int64_t n);
// x = 0 wherever the activation h was not positive
void relu_backward(float* x, const float* h, std::int64_t n);
// Row r of out: row items[r] of `features` (rows out.cols wide) where has[items[r]] != 0 (has null:
// all), else zeros.
void gather_present(const float* features, const std::uint8_t* has, const std::int32_t* items,
                    View out);

}  // namespace fedfuse::dense
