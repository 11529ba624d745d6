#pragma once
// Products of small matrices by tiles that stay in registers from the first multiplication to what
// is made of the result: a bias, a ReLU, a step of weights, rows that are added elsewhere.
#include <algorithm>

#include "core/panels.hpp"

namespace fedfuse::panels {

// One tile of a product, `Rows` x `Vectors` vectors at (row, column). It crosses no panel, so
// vector (r, v) stands r * width + v * lanes behind the tile's first in any matrix of panels.
template <int Rows, int Vectors>
struct Tile {
  static constexpr int rows = Rows, vectors = Vectors;
  int row, column;
  Widest sum[Rows][Vectors];

  Tile(int at_row, int at_column) : row(at_row), column(at_column) {
    each([](int, int, Widest& x) { x = Widest{}; });
  }
  // += A[row.., k..] B[b_row + k.., column..]; K: columns of A
  [[gnu::always_inline]] void multiply(const Panels& A, int K, const Panels& B, int b_row = 0) {
    for (int k = 0; k < K; k += width)
      add<width, 1>(A.at(row, k), B.at(b_row + k, column), std::min(width, K - k));
  }
  // += A[.., row..]^T B[.., column..]; K: rows of A and B
  [[gnu::always_inline]] void multiply_transposed(const Panels& A, const Panels& B, int K) {
    add<1, width>(A.at(0, row), B.at(0, column), K);
  }
  // work(r, v, x) for each vector x
  template <class Work>
  [[gnu::always_inline]] void each(const Work& work) {
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) work(r, v, sum[r][v]);
  }
  // work(r, v, x, p): p is its place in a matrix
  template <class Work>
  void each_in(const Panels& C, const Work& work) {
    float* first = C.at(row, column);
    each([&](int r, int v, Widest& x) { work(r, v, x, first + r * width + v * lanes); });
  }

 private:
  // The sums are local: the compiler keeps them in registers whatever is done with the tile.
  template <long Row, long Step>
  [[gnu::always_inline]] void add(const float* a, const float* b, int K) {
    Widest acc[Rows][Vectors];
    each([&](int r, int v, Widest x) { acc[r][v] = x; });
    for (int k = 0; k < K; ++k, a += Step, b += width) {
      Widest right[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) right[v] = load(b + v * lanes);
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const float left = a[r * Row];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) acc[r][v] += left * right[v];
      }
    }
    each([&](int r, int v, Widest& x) { x = acc[r][v]; });
  }
};

// Rows of the highest tile: at least eight chains of additions, which fill two units.
template <int Vectors>
inline constexpr int tallest = Vectors == 1 ? 8 : 6;

// Strips of nearly the same height, as a low strip has too few chains. Tiles exist in four heights;
// from 30 rows on, the two highest are enough.
template <int Vectors, class Work>
void strips(int row, int last, int column, const Work& work) {
  constexpr int most = tallest<Vectors>;
  const auto strip = [&]<int Rows>(int at) {
    Tile<Rows, Vectors> tile(at, column);
    work(tile);
    return at + Rows;
  };
  while (row < last) {
    const int left = last - row, count = (left + most - 1) / most,
              height = (left + count - 1) / count;
    if (height == most) {
      row = strip.template operator()<most>(row);
    } else if (height == most - 1) {
      row = strip.template operator()<most - 1>(row);
    } else if (height >= most / 2) {
      row = strip.template operator()<most / 2>(row);
    } else {
      row = strip.template operator()<1>(row);
    }
  }
}

// work(tile) for every tile of a matrix of rows x columns; no tile crosses a panel of either.
// Panels of columns come one after the other, the first column first.
template <class Work>
void for_tiles(int rows, int columns, const Work& work) {
  for (int column = 0; column < columns;) {
    const int vectors = (std::min(width, columns - column) + lanes - 1) / lanes;
    const int wide = vectors >= most_vectors ? most_vectors : vectors >= 2 ? 2 : 1;
    for (int row = 0; row < rows; row += width) {
      const int last = std::min(rows, row + width);
      if (wide == 1) {
        strips<1>(row, last, column, work);
      } else if (wide == 2) {
        strips<2>(row, last, column, work);
      } else {
        strips<most_vectors>(row, last, column, work);
      }
    }
    column += wide * lanes;
  }
}

}  // namespace fedfuse::panels
