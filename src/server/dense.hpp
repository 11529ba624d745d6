#pragma once
// Row-major float matrices as Eigen sees them, and the few passes that Eigen does slowly or not at all.
// One thread does each product; who calls decides which rows a thread works on.
#include <Eigen/Core>
#include <cstdint>

#include "core/matrix.hpp"

namespace fedfuse::dense {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<RowMajor, Eigen::Unaligned, Eigen::OuterStride<>>;
using ConstMap = Eigen::Map<const RowMajor, Eigen::Unaligned, Eigen::OuterStride<>>;

// rows x cols whose rows stand `stride` floats apart (0: cols).
inline Map map(float* p, std::int64_t rows, std::int64_t cols, std::int64_t stride = 0) {
  return {p, rows, cols, Eigen::OuterStride<>(stride == 0 ? cols : stride)};
}
inline ConstMap map(const float* p, std::int64_t rows, std::int64_t cols, std::int64_t stride = 0) {
  return {p, rows, cols, Eigen::OuterStride<>(stride == 0 ? cols : stride)};
}
inline Map map(Matrix<float>& m) { return map(m.data(), m.rows, m.cols); }
inline ConstMap map(const Matrix<float>& m) { return map(m.data(), m.rows, m.cols); }

// Eigen cuts products by the sizes of the caches that it finds, which moves last bits from machine to machine.
// This fixes the cut; called before the first product of a model whose bits are to be compared.
void fix_blocking();

// x[r] += bias for each of the rows.
void add_row(float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride, const float* bias);
// out = sum over the rows, in their order.
void column_sums(const float* x, std::int64_t rows, std::int64_t cols, std::int64_t stride, float* out);
void relu(float* x, std::int64_t n);
// x = 0 wherever the activation h was not positive.
void relu_backward(float* x, const float* h, std::int64_t n);
void sigmoid(float* x, std::int64_t n);  // x on a 64-byte line: heads and tails of vectors are rounded differently
// Copies row i of `features` where has[i] != 0 (has null: all), else zeros.
void gather_present(const float* features, const std::uint8_t* has, const std::int32_t* items, std::int64_t rows, std::int64_t cols, float* out);

}  // namespace fedfuse::dense
