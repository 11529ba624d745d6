#include "server/grouping/assignment.hpp"

#include <limits>

#include "core/error.hpp"

namespace fedfuse::grouping {

std::vector<std::int32_t> best_assignment(const Matrix<std::int64_t>& gain) {
  FEDFUSE_CHECK(gain.rows == gain.cols, "the assignment is square");
  const auto n = std::size_t(gain.rows);
  constexpr auto unreached = std::numeric_limits<std::int64_t>::max();
  // Rows and columns are numbered from 1; column 0 holds the row that is being placed. Costs are
  // -gain.
  std::vector<std::int64_t> row_potential(n + 1, 0), column_potential(n + 1, 0);
  std::vector<std::size_t> row_of(n + 1, 0), way(n + 1, 0);
  for (std::size_t row = 1; row <= n; ++row) {
    row_of[0] = row;
    std::size_t column = 0;
    std::vector<std::int64_t> slack(n + 1, unreached);
    std::vector<bool> visited(n + 1, false);
    do {
      visited[column] = true;
      const std::size_t from = row_of[column];
      std::int64_t step = unreached;
      std::size_t next = 0;
      for (std::size_t j = 1; j <= n; ++j) {
        if (visited[j]) continue;
        const std::int64_t reduced = -gain(std::int64_t(from) - 1, std::int64_t(j) - 1) -
                                     row_potential[from] - column_potential[j];
        if (reduced < slack[j]) {
          slack[j] = reduced;
          way[j] = column;
        }
        if (slack[j] < step) {
          step = slack[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (visited[j]) {
          row_potential[row_of[j]] += step;
          column_potential[j] -= step;
        } else if (slack[j] != unreached) {
          slack[j] -= step;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    for (; column != 0; column = way[column]) row_of[column] = row_of[way[column]];
  }
  std::vector<std::int32_t> column_of(n);
  for (std::size_t j = 1; j <= n; ++j) column_of[row_of[j] - 1] = std::int32_t(j - 1);
  return column_of;
}

}  // namespace fedfuse::grouping
