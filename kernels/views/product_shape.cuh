#pragma once
// What one product of product.cuh is: its tiles, its operands, what happens to an element of C, and
// where a thread stands in a tile.
#include "kernels/views/views_gpu.hpp"

namespace fedfuse::views {
namespace {

constexpr int tile_m = 128, tile_n = 64, tile_k = 16, stages = 3, side = 8, product_threads = 128,
              most_products = 12;
constexpr int row_pitch = tile_k + 4, b_floats = tile_k * tile_n;
template <bool by_rows>
constexpr int a_floats = by_rows ? tile_m * row_pitch : tile_k * tile_m;
template <bool by_rows>
constexpr std::size_t product_shared = sizeof(float) * stages * (a_floats<by_rows> + b_floats);

enum class Then : int {
  keep,
  relu,            // c < 0 ? 0 : c
  sigmoid,         // 1 / (1 + exp(-c))
  where_positive,  // o > 0 ? c : 0        the way back through ReLU, o its output
  times_slope      // c o (1 - o)          ... through sigmoid
};

// Every pitch and n is a multiple of 4 and every pointer 16-byte aligned, but those of a transposed
// C.
struct Product {
  int m = 0, n = 0, k = 0;
  const float *a = nullptr, *b = nullptr;  // B[k][n] = b[k b_pitch + n]
  std::int64_t a_pitch = 0, b_pitch = 0, c_pitch = 0;
  const std::uint8_t* has = nullptr;  // of each item (row of a): 0: it reads as zeros
  float* c = nullptr;
  float factor = 1.0f;
  // by rows only: c = then(factor A B + bias [+ c])
  const float* bias = nullptr;   // n
  const float* other = nullptr;  // o, laid out as c
  Then then = Then::keep;
  bool add = false;
  // by columns only: floats between the C of two blocks of items
  std::int64_t c_block = 0;
  [[nodiscard]] __host__ __device__ int tiles_n() const { return (n + tile_n - 1) / tile_n; }
  [[nodiscard]] __host__ __device__ int tiles() const {
    return (m + tile_m - 1) / tile_m * tiles_n();
  }
};

// Launched together: blockIdx.z says which.
struct Products {
  Product product[most_products];
  int count = 0;
};

// Where a thread stands: rows of C from its 16, columns from its 8. Of a half warp every second
// lane reads the same of A, every other pair the same of B, and 8 different rows: a load of 16
// bytes a lane is then one trip to shared memory for 16 lanes, not for 8.
struct Place {
  int m, n;
  __device__ Place() {
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    m = lane / 2 % 8 + warp % 2 * 8;
    n = lane % 2 + lane / 16 * 2 + warp / 2 * 4;
  }
};

}  // namespace
}  // namespace fedfuse::views
