#pragma once
// What the files of this folder share: points as rows, and loops over blocks of fixed size, so that
// no bit of a result depends on the number of threads.
#include <Eigen/Dense>
#include <algorithm>
#include <cstdint>

namespace fedfuse::grouping {

// one point a row
using Points = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Counter-based draws of Purpose::grouping: the round's place in the counter says what a number is
// for. The round itself does not enter: the same vectors are grouped alike in every round, so that
// groups move only when heads do.
enum Draw : std::uint32_t {
  draw_kmeans = 1,
  draw_range_finder = 2,
  draw_krylov = 3,
  draw_pairs = 4,
  draw_silhouette = 5,
  draw_random_group = 6
};

// body(first, count) for every block of [0, n). The blocks may run in any order on any thread: they
// must not share results.
template <class Body>
void parallel_blocks(std::int64_t n, std::int64_t block, const Body& body) {
  const std::int64_t blocks = (n + block - 1) / block;
#pragma omp parallel for schedule(dynamic) if (blocks > 1)
  for (std::int64_t b = 0; b < blocks; ++b) body(b * block, std::min(block, n - b * block));
}

}  // namespace fedfuse::grouping
