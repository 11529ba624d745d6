// The order statistics of rows against a sort in double; the same bits for any order of the clients
// and any threads; what one number far away can do.
#include "kernels/row_median/row_median.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "kernels/row_median/row_median_case.hpp"

namespace fedfuse {
namespace {

using row_median::Case;
using row_median::CaseShape;

std::vector<CaseShape> shapes() {
  std::vector<CaseShape> all;
  for (const bool median : {true, false})
    for (const double trim : {0.0, 0.1, 0.49})
      for (const bool ties : {false, true})
        for (const auto& [clients, rows, items, width] :
             {std::array{1, 1, 1, 1}, {2, 1, 1, 3}, {30, 7, 20, 5}, {50, 20, 400, 8}}) {
          CaseShape s{.clients = clients, .rows = rows, .items = items, .width = width};
          s.median = median;
          s.trim = trim;
          s.ties = ties;
          all.push_back(s);
        }
  return all;
}

TEST(RowMedian, EveryVariantAgreesWithTheSort) {
  for (const auto& shape : shapes()) {
    const Case input(shape);
    const auto cells = std::size_t(shape.items * shape.width);
    std::vector<std::int64_t> want(cells), got(cells, 7);
    row_median::reference(input.problem(), want.data());
    for (const auto& variant : row_median::variants()) {
      variant.run(input.problem(), got.data());
      for (std::size_t c = 0; c < cells; ++c)  // every value is rounded once in 2^-32
        ASSERT_NEAR(double(got[c]), double(want[c]), double(shape.clients * shape.rows))
            << variant.name << " " << input.name() << " " << c;
    }
  }
}

TEST(RowMedian, TheOrderOfTheClientsAndThreadsChangesNoBit) {
  for (const auto& shape : shapes()) {
    Case input(shape);
    const auto cells = std::size_t(shape.items * shape.width);
    std::vector<std::int64_t> one(cells), other(cells);
    omp_set_num_threads(1);
    row_median::run_cpu(input.problem(), one.data());
    for (std::size_t i = 0; i + 1 < input.places.offsets.size(); ++i)
      std::reverse(input.places.order.begin() + input.places.offsets[i],
                   input.places.order.begin() + input.places.offsets[i + 1]);
    omp_set_num_threads(3);
    row_median::run_cpu(input.problem(), other.data());
    ASSERT_EQ(one, other) << input.name();
  }
}

// 100 clients of one row, of which some send a number far away: a mean follows them at once, the
// median from a half on, the trimmed mean from its cut on.
TEST(RowMedian, BreaksWhereItsFormulaSays) {
  const std::int64_t n = 100;
  const auto pull = [&](bool median, double trim, std::int64_t attackers) {
    std::vector<float> x;
    std::vector<std::int32_t> order;
    for (std::int32_t u = 0; u < n; ++u) {
      x.push_back(u < attackers ? 1000.0f : float(u) / float(n));
      order.push_back(u);
    }
    const std::vector<std::int64_t> offsets{0, n};
    std::int64_t S = 0;
    row_median::run_cpu({.items = 1,
                         .width = 1,
                         .offsets = offsets.data(),
                         .order = order.data(),
                         .x = x.data(),
                         .median = median,
                         .trim = trim},
                        &S);
    return std::ldexp(double(S), -32) / double(n);
  };
  EXPECT_GT(pull(false, 0.0, 1), 5);
  EXPECT_LT(pull(false, 0.1, 10), 1);
  EXPECT_GT(pull(false, 0.1, 11), 5);
  EXPECT_LT(pull(true, 0.0, 49), 1);
  EXPECT_GT(pull(true, 0.0, 51), 500);
}

}  // namespace
}  // namespace fedfuse
