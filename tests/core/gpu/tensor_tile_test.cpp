// core/gpu/tensor_tile: the emulated instruction against a product in double.
#include "core/gpu/tensor_tile.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

constexpr int rows = 32, columns = 32, depth = 8;
using A = std::array<std::array<float, depth>, rows>;
using B = std::array<std::array<float, columns>, depth>;
using C = std::array<std::array<float, columns>, rows>;

// Rows, columns and k in the order that the header names.
C by_one_warp(const A& a, const B& b) {
  C c{};
  simt::launch({1, 1, 1}, 32, 0, [&] {
    const int lane = int(threadIdx.x), g = lane / 4, t = lane % 4;
    gpu::TileOperands x;
    for (int m = 0; m < 2; ++m)
      for (int e = 0; e < 4; ++e)
        x.a[m][e] = a[std::size_t(16 * m + g + 8 * (e % 2))][std::size_t(t + 4 * (e / 2))];
    for (int n = 0; n < 4; ++n)
      for (int e = 0; e < 2; ++e) x.b[n][e] = b[std::size_t(t + 4 * e)][std::size_t(8 * n + g)];
    gpu::TileSums sums;
    clear(sums);
    multiply_add(sums, x);
    for (int m = 0; m < 2; ++m)
      for (int n = 0; n < 4; ++n)
        for (int e = 0; e < 4; ++e)
          c[std::size_t(16 * m + g + 8 * (e / 2))][std::size_t(8 * n + 2 * t + e % 2)] =
              sums.c[m][n][e];
  });
  return c;
}

// Numbers of every size, so that a part of 11 bits that is lost shows in each of them.
TEST(TensorTile, ErrsByLessThanItsHeaderSays) {
  const Rng rng(3, Purpose::test);
  std::uint32_t index = 0;
  for (const float scale : {1.0f, 1e-12f, 1e12f}) {
    A a;
    B b;
    for (auto& row : a)
      for (auto& x : row) x = scale * float(rng.normal(1, 0, index++));
    for (auto& row : b)
      for (auto& x : row) x = float(rng.normal(1, 0, index++));
    const C c = by_one_warp(a, b);
    double worst = 0, drift = 0;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) {
        double sum = 0, size = 0;
        for (std::size_t k = 0; k < depth; ++k) {
          sum += double(a[i][k]) * double(b[k][j]);
          size += std::abs(double(a[i][k]) * double(b[k][j]));
        }
        const double error = (double(c[i][j]) - sum) / size;
        worst = std::max(worst, std::abs(error));
        drift += error * (sum > 0 ? 1 : -1) / (rows * columns);
      }
    EXPECT_LT(worst, std::ldexp(1.0, -20)) << "scale " << scale;
    EXPECT_LT(std::abs(drift), std::ldexp(1.0, -26)) << "scale " << scale;
  }
}

TEST(TensorTile, CarriesWhatIsNotFinite) {
  A a{};
  B b{};
  for (auto& row : b) row.fill(1.0f);
  a[3][5] = NAN;
  a[7][2] = INFINITY;
  const C c = by_one_warp(a, b);
  for (std::size_t i = 0; i < rows; ++i)
    for (const float x : c[i]) EXPECT_EQ(std::isfinite(x), i != 3 && i != 7) << i;
}

}  // namespace
}  // namespace fedfuse
