#include "server/prior_start.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "aggregation/row_sum.hpp"
#include "core/error.hpp"
#include "core/rng.hpp"
#include "core/small_gemm.hpp"

namespace fedfuse {
namespace {

constexpr int lloyd_steps = 10;
// The round's place in the counter says what a number is for.
enum Draw : std::uint32_t { draw_items = 0, draw_direction = 1, draw_group = 2 };

// False, and x is 0, where it has no direction.
bool to_norm_1(std::span<const double> sum, float* x) {
  double square = 0;
  for (const double s : sum) square += s * s;
  const double inverse = square > 0 ? 1 / std::sqrt(square) : 0;
  for (std::size_t k = 0; k < sum.size(); ++k) x[k] = float(inverse * sum[k]);
  return square > 0;
}

bool has_direction(const Matrix<float>& Z, std::int64_t i) {
  return std::any_of(Z.row(i), Z.row(i) + Z.cols, [](float x) { return x != 0.0f; });
}

Matrix<float> first_centres(const Matrix<float>& Z, std::int64_t groups, const Rng& rng) {
  std::vector<std::int64_t> items;
  for (std::int64_t i = 0; i < Z.rows; ++i)
    if (has_direction(Z, i)) items.push_back(i);
  Matrix<float> centres(groups, Z.cols);
  RngStream words(rng, 0, draw_items);
  std::vector<double> row(std::size_t(Z.cols));
  for (std::int64_t g = 0; g < groups; ++g) {
    if (g < std::int64_t(items.size())) {
      const auto left = std::uint32_t(items.size() - std::size_t(g));
      std::swap(items[std::size_t(g)], items[std::size_t(g) + words.below(left)]);
      std::copy_n(Z.row(items[std::size_t(g)]), Z.cols, row.begin());
    } else {
      for (std::size_t k = 0; k < row.size(); ++k)
        row[k] = rng.normal(std::uint64_t(g), draw_direction, std::uint32_t(k));
    }
    to_norm_1(row, centres.row(g));
  }
  return centres;
}

// A client's profile; false: it has none.
bool profile(const Matrix<float>& Z, std::span<const std::int32_t> positives,
             std::vector<double>& sum, float* to) {
  std::ranges::fill(sum, 0.0);
  for (const auto i : positives) {
    const float* row = Z.row(i);
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += double(row[k]);
  }
  return to_norm_1(sum, to);
}

// The lowest of the nearest. half: |c|^2 / 2 of each.
std::int32_t nearest(const float* x, const Matrix<float>& centres, std::span<const float> half) {
  std::int32_t best = 0;
  float most = 0;
  for (std::int32_t g = 0; g < std::int32_t(centres.rows); ++g) {
    const float score = small::dot(x, centres.row(g), int(centres.cols)) - half[std::size_t(g)];
    if (g > 0 && !(score > most)) continue;
    best = g;
    most = score;
  }
  return best;
}

struct Clients {
  const Matrix<float>& Z;
  const Dataset& data;
  std::vector<std::int32_t> group;  // -1: no profile

  // Every client to its nearest centre; its profile and 1 to the row of its group. How many moved.
  std::int64_t assign(const Matrix<float>& centres, RowSum& sums) {
    std::vector<float> half;
    for (std::int64_t g = 0; g < centres.rows; ++g)
      half.push_back(0.5f * small::dot(centres.row(g), centres.row(g), int(centres.cols)));
    std::int64_t moved = 0, refused = 0;
#pragma omp parallel reduction(+ : moved, refused)
    {
      std::vector<double> sum(std::size_t(Z.cols));
      Array<float> x(std::size_t(Z.cols + 1), 1.0f);
#pragma omp for schedule(dynamic, 64)
      for (std::int64_t u = 0; u < std::int64_t(group.size()); ++u) {
        if (!profile(Z, data.positives(u), sum, x.data())) continue;
        const auto g = nearest(x.data(), centres, half);
        refused += std::int64_t(!sums.add(g, x.data(), 1));
        moved += std::int64_t(g != group[std::size_t(u)]);
        group[std::size_t(u)] = g;
      }
    }
    FEDFUSE_CHECK(refused == 0, "a profile has norm 1");
    return moved;
  }
};

void move(Matrix<float>& centres, const RowSum& sums) {
  std::vector<double> row(std::size_t(centres.cols + 1));
  for (std::int64_t g = 0; g < centres.rows; ++g) {
    sums.decode(g, row.data());
    const double count = row.back();
    if (count == 0) continue;
    for (std::int64_t k = 0; k < centres.cols; ++k)
      centres(g, k) = float(row[std::size_t(k)] / count);
  }
}

}  // namespace

std::vector<std::int32_t> behaviour_start(const Matrix<float>& Z, const Dataset& data,
                                          std::int64_t groups, std::uint64_t seed,
                                          const Comm& comm) {
  FEDFUSE_CHECK(Z.rows == data.items && groups >= 1, "a row of features for every item");
  const Rng rng(seed, Purpose::prior_start);
  auto centres = first_centres(Z, groups, rng);
  Clients clients{Z, data, std::vector<std::int32_t>(std::size_t(data.local_clients()), -1)};
  RowSum sums(groups, int(Z.cols + 1), FixedPoint::for_total_weight(data.clients));
  for (int step = 0; step < lloyd_steps; ++step) {
    sums.clear();
    // without a move the next centres would be the same
    if (comm.sum(clients.assign(centres, sums)) == 0) break;
    sums.reduce(comm);
    move(centres, sums);
  }
  sums.clear();
  clients.assign(centres, sums);
  for (std::size_t u = 0; u < clients.group.size(); ++u)
    if (clients.group[u] < 0)
      clients.group[u] = std::int32_t(Rng::below(
          rng.words(std::uint64_t(data.client_ids[u]), draw_group, 0)[0], std::uint32_t(groups)));
  return std::move(clients.group);
}

}  // namespace fedfuse
