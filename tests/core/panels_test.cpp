// core/panels and core/tiles: products of every small shape against sums in double, and vectors
// whose tails are masked.
#include "core/panels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/matrix.hpp"
#include "core/tiles.hpp"

namespace fedfuse {
namespace {

using panels::Panels;
using panels::Widest;

// A matrix in panels, whose padding is zero, from a formula that no symmetry hides in.
class Filled {
 public:
  Filled(int rows, int columns, float seed)
      : floats_(Panels::floats(panels::padded(rows), columns)), columns_(columns) {
    view = {floats_.data(), panels::padded(rows)};
    std::vector<float> row(static_cast<std::size_t>(columns));
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c)
        row[std::size_t(c)] = std::sin(seed + float(r) + 0.37f * float(c * c));
      panels::put_row(row.data(), columns, view, r);
    }
  }
  [[nodiscard]] double operator()(int r, int c) const { return *view.at(r, c); }
  [[nodiscard]] int columns() const { return columns_; }
  Panels view;

 private:
  Array<float> floats_;
  int columns_;
};

TEST(Tiles, ProductsOfEveryShape) {
  for (const int M : {1, 2, 4, 7, 13, 31, 64, 85})
    for (const int N : {1, 8, 16, 20, 48, 64, 72, 130})
      for (const int K : {1, 9, 64, 70}) {
        const Filled A(M, K, 1.0f), At(K, M, 2.0f), B(K, N, 3.0f);
        int vectors = 0;
        panels::for_tiles(M, N, [&](auto& tile) {
          auto transposed = tile;
          tile.multiply(A.view, K, B.view);
          transposed.multiply_transposed(At.view, B.view, K);
          tile.each([&](int r, int v, Widest& x) {
            ++vectors;
            const int m = tile.row + r, n = tile.column + v * panels::lanes;
            for (int l = 0; l < panels::lanes; ++l) {
              double want = 0, want_transposed = 0;
              for (int k = 0; k < K && n + l < N; ++k) {
                want += A(m, k) * B(k, n + l);
                want_transposed += At(k, m) * B(k, n + l);
              }
              ASSERT_NEAR(want, x[l], 2e-5) << M << " " << N << " " << K << " " << m << " " << n;
              ASSERT_NEAR(want_transposed, transposed.sum[r][v][l], 2e-5);
            }
          });
        });
        EXPECT_EQ(vectors, M * panels::padded(N) / panels::lanes) << M << " " << N;
      }
}

TEST(Panels, TransposesWithPadding) {
  const Filled from(20, 72, 1.0f);
  Filled to(72, 20, 5.0f);
  panels::transpose(panels::padded(20), panels::padded(72), from.view, to.view);
  for (int r = 0; r < 20; ++r)
    for (int c = 0; c < 72; ++c) EXPECT_EQ(from(r, c), to(c, r));
}

// What lies behind the last number is neither read into a sum nor written.
TEST(Panels, TailsAreMasked) {
  for (int n = 1; n <= 2 * panels::width + 1; ++n) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<float> x(size + 1, 2.0f), y(size + 1, 3.0f);
    x.back() = y.back() = NAN;
    panels::step(0.5f, -1.0f, x.data(), y.data(), n);
    for (std::size_t k = 0; k < size; ++k) ASSERT_EQ(y[k], -0.5f) << n;
    EXPECT_TRUE(std::isnan(y.back()));
    float total[simd::lanes] = {};
    panels::for_columns(n, [&](const auto& columns) {
      const auto w = columns.load(x.data());
      panels::add_sums(1, total, [&](int) { return columns.dot(w, y.data()); });
    });
    EXPECT_EQ(total[0], -float(n));
  }
}

TEST(Panels, SumsOfManyVectors) {
  constexpr int n = 19;
  float s[24] = {};
  panels::add_sums(n, s, [](int i) {
    Widest v{};
    for (int l = 0; l < panels::lanes; ++l) v[l] = float(i * 100 + l);
    return v;
  });
  constexpr int each = panels::lanes * (panels::lanes - 1) / 2;
  for (int i = 0; i < n; ++i) EXPECT_EQ(s[i], float(i * 100 * panels::lanes + each));
  for (int i = n; i < 24; ++i) EXPECT_EQ(s[i], 0.0f);
}

}  // namespace
}  // namespace fedfuse
