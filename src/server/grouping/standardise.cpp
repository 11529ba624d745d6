#include "server/grouping/standardise.hpp"

#include <bit>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::grouping {
namespace {

constexpr std::int64_t row_block = 1024;

struct Extremes {
  std::vector<double> low, high;
};

bool all_finite(const float* row, std::int64_t columns) {
  std::uint32_t bad = 0;  // integers, so that the compiler may reorder the reduction
  for (std::int64_t j = 0; j < columns; ++j)
    bad |= std::uint32_t((std::bit_cast<std::uint32_t>(row[j]) & 0x7F800000u) == 0x7F800000u);
  return bad == 0;
}

void check_finite(const Matrix<float>& rows, std::span<const std::int32_t> ids, std::int64_t round,
                  const Comm& comm) {
  comm.together([&] {
    for (std::int64_t i = 0; i < rows.rows; ++i)
      if (!all_finite(rows.row(i), rows.cols))
        throw InputError(cat("the vector of client ", ids[std::size_t(i)], " in round ", round,
                             " is not finite"),
                         "clients are grouped by these numbers, and its training diverged",
                         "lower --lr or --lr-items");
  });
}

// In place: each entry's maximum over the ranks (exact in any order).
void max_over_ranks(std::vector<double>& values, const Comm& comm) {
  const int status = MPI_Allreduce(MPI_IN_PLACE, values.data(), int(values.size()), MPI_DOUBLE,
                                   MPI_MAX, comm.raw());
  FEDFUSE_CHECK(status == MPI_SUCCESS, "the extremes of the columns could not be reduced");
}

Extremes column_extremes(const Matrix<float>& rows, std::int64_t columns, const Comm& comm) {
  constexpr double none = -std::numeric_limits<double>::infinity();
  // -low, then high: one reduction by maximum
  std::vector<double> bounds(std::size_t(2 * columns), none);
  parallel_blocks(rows.rows, row_block, [&](std::int64_t first, std::int64_t count) {
    constexpr float infinite = std::numeric_limits<float>::infinity();
    std::vector<float> low(std::size_t(columns), infinite), high(low.size(), -infinite);
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      for (std::int64_t j = 0; j < columns; ++j) {
        low[std::size_t(j)] = std::min(low[std::size_t(j)], row[j]);
        high[std::size_t(j)] = std::max(high[std::size_t(j)], row[j]);
      }
    }
#pragma omp critical(fedfuse_column_extremes)
    for (std::size_t j = 0; j < std::size_t(columns); ++j) {
      bounds[j] = std::max(bounds[j], -double(low[j]));
      bounds[std::size_t(columns) + j] =
          std::max(bounds[std::size_t(columns) + j], double(high[j]));
    }
  });
  max_over_ranks(bounds, comm);
  Extremes extremes{{bounds.begin(), bounds.begin() + columns},
                    {bounds.begin() + columns, bounds.end()}};
  for (auto& low : extremes.low) low = -low;
  return extremes;
}

// x * scale rounded to an integer, for |x * scale| < 2^51: adding 1.5 * 2^52 leaves the integer in
// the low bits.
std::int64_t round_to_fixed(double x, double scale) {
  constexpr double magic = 0x1.8p52;
  return std::bit_cast<std::int64_t>(x * scale + magic) - std::bit_cast<std::int64_t>(magic);
}

}  // namespace

ColumnScale column_scale(const Matrix<float>& rows, std::span<const std::int32_t> ids,
                         std::int64_t columns, std::int64_t total, std::int64_t round,
                         const Comm& comm) {
  check_finite(rows, ids, round, comm);
  const auto p = std::size_t(columns);
  const auto [low, high] = column_extremes(rows, columns, comm);
  std::vector<double> centre(p), half(p), inverse_half(p);
  for (std::size_t j = 0; j < p; ++j) {
    centre[j] = 0.5 * (low[j] + high[j]);
    half[j] = 0.5 * (high[j] - low[j]);
    inverse_half[j] = half[j] > 0 ? 1.0 / half[j] : 0.0;
  }
  // |t| <= 1: total * 2^bits stays below 2^62, and one term below 2^51.
  const int bits = std::min(50, 62 - int(std::bit_width(std::uint64_t(total))));
  const double scale = std::ldexp(1.0, bits), unit = std::ldexp(1.0, -bits) / double(total);

  std::vector<std::int64_t> sums(2 * p, 0);  // of t, then of t^2
  parallel_blocks(rows.rows, row_block, [&](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> part(2 * p, 0);
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = rows.row(i);
      for (std::size_t j = 0; j < p; ++j) {
        const double t = (double(row[j]) - centre[j]) * inverse_half[j], square = t * t;
        part[j] += round_to_fixed(t, scale);
        part[p + j] += round_to_fixed(square, scale);
      }
    }
#pragma omp critical(fedfuse_column_sums)
    for (std::size_t j = 0; j < 2 * p; ++j) sums[j] += part[j];
  });
  comm.sum(std::span(sums));

  ColumnScale result{std::vector<double>(p), std::vector<double>(p)};
  for (std::size_t j = 0; j < p; ++j) {
    const double mean = double(sums[j]) * unit, variance = double(sums[p + j]) * unit - mean * mean;
    result.mean[j] = centre[j] + half[j] * mean;
    result.inverse_sd[j] =
        half[j] > 0 && variance > 0 ? inverse_half[j] / std::sqrt(variance) : 0.0;
  }
  return result;
}

Points standardise(const Matrix<float>& rows, const ColumnScale& scale) {
  Points points(rows.rows, rows.cols);
  parallel_blocks(rows.rows, 64, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i)
      for (std::int64_t j = 0; j < rows.cols; ++j)
        points(i, j) =
            (double(rows(i, j)) - scale.mean[std::size_t(j)]) * scale.inverse_sd[std::size_t(j)];
  });
  return points;
}

}  // namespace fedfuse::grouping
