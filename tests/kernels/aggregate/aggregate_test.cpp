// Aggregation against the naive dense form (R1), and the same bits in any order, on any number of
// threads and ranks (R7).
#include "kernels/aggregate/aggregate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "aggregation/row_sum.hpp"
#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/rng.hpp"
#include "kernels/aggregate/aggregate_case.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/runnable.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using aggregate::Case;
using aggregate::CaseShape;
using test::Threads;

void expect_near(std::span<const double> got, std::span<const double> want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 1e-30;
  for (const double x : want) largest = std::max(largest, std::abs(x));
  for (std::size_t j = 0; j < want.size(); ++j)
    ASSERT_NEAR(got[j], want[j], tolerance * largest) << "element " << j;
}

std::vector<CaseShape> shapes() {
  const std::vector<CaseShape> all{
      {.clients = 1, .items = 1, .width = 1, .touched = 1},
      {.clients = 40, .items = 33, .width = 7, .touched = 5},
      {.clients = 61, .items = 20, .width = 64, .touched = 20, .weighted = true},
      {.clients = 300, .items = 90, .width = 13, .touched = 9, .weighted = true, .seed = 3},
      {.clients = 200, .items = 3, .width = 65, .touched = 2, .weighted = true, .seed = 4},
      {.clients = 40, .items = 300, .width = 7, .touched = 5, .by_counts = true},
      {.clients = 61, .items = 90, .width = 64, .weighted = true, .seed = 5, .by_counts = true}};
  return test::with_asked_seed(all);
}

TEST(Aggregate, EveryVariantAgreesWithTheDenseFormInDouble) {
  const Threads two(2);
  for (const auto& shape : shapes()) {
    const Case inputs(shape);
    std::vector<double> want(std::size_t(shape.items * shape.width)),
        got(want.size(), std::nan(""));
    aggregate::reference(inputs.problem(), want.data());
    for (const auto& variant : test::runnable(aggregate::variants())) {
      SCOPED_TRACE(variant.name);
      variant.run(inputs.problem(), got.data());
      expect_near(got, want, variant.order_dependent ? 1e-5 : 1e-6);
    }
  }
}

TEST(Aggregate, FixedPointVariantsGiveTheSameBitsForAnyThreads) {
  for (const auto& shape : shapes()) {
    const Case inputs(shape);
    std::vector<double> first(std::size_t(shape.items * shape.width)), got(first.size());
    aggregate::variants().front().run(inputs.problem(), first.data());
    for (const auto& variant : test::runnable(aggregate::variants())) {
      if (variant.order_dependent) continue;
      for (const int threads : {1, 2, 4}) {
        const Threads scope(threads);
        variant.run(inputs.problem(), got.data());
        EXPECT_EQ(got, first) << variant.name << " on " << threads << " threads";
      }
    }
  }
}

TEST(Aggregate, ValuesThatDoNotFitAreRefused) {
  for (const float bad : {1024.0f, -5000.0f, std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    Case inputs({.clients = 5, .items = 9, .width = 11, .touched = 3});
    inputs.delta[60] = bad;
    std::vector<double> next(9 * 11);
    for (const auto& variant : test::runnable(aggregate::variants()))
      if (!variant.order_dependent) {
        EXPECT_THROW(variant.run(inputs.problem(), next.data()), InputError) << variant.name;
      }
  }
}

TEST(Aggregate, ToFixedRoundsLikeLlrint) {
  const Rng generator(4, Purpose::test);
  RngStream rng(generator, 0, 0);
  for (int i = 0; i < 100000; ++i) {
    const auto fixed = FixedPoint::for_total_weight(std::int64_t(1) << rng.below(40));
    const double x = double(float((rng.uniform() - 0.5) * 2047));
    ASSERT_EQ(aggregate::to_fixed(x, fixed.scale), fixed.encode(x)) << x;
  }
  const FixedPoint half{0.5, 2.0};  // ties go to even
  for (const double x : {1.0, 3.0, 5.0, -1.0, -3.0})
    ASSERT_EQ(aggregate::to_fixed(x, half.scale), half.encode(x));
}

// Every rank adds its share of the clients (rank r: clients r, r + ranks, ...), then the ranks
// reduce.
RowSum distributed_sum(const Case& inputs, const Comm& comm, int threads, bool backwards) {
  const Threads scope(threads);
  const auto p = inputs.problem();
  RowSum sum(p.items, p.width, FixedPoint::for_total_weight(p.total_weight()),
             aggregate::production().add, p.by_counts);
  bool fits = true;
#pragma omp parallel for schedule(dynamic, 1) reduction(&& : fits)
  for (std::int64_t n = 0; n < p.clients; ++n) {
    const std::int64_t u = backwards ? p.clients - 1 - n : n;
    if (u % comm.size() != comm.rank()) continue;
    const std::span ids(p.ids + p.offsets[u], std::size_t(p.offsets[u + 1] - p.offsets[u]));
    const float* x = p.delta + p.offsets[u] * p.width;
    if (backwards) {
      for (std::size_t i = ids.size(); i-- > 0;)
        fits = sum.add(ids[i], x + std::int64_t(i) * p.width, p.weight[u]) && fits;
    } else {
      fits = sum.add(ids, x, p.weight[u]) && fits;
    }
  }
  EXPECT_TRUE(fits);
  sum.reduce(comm);
  return sum;
}

TEST(RowSum, SameBitsForAnyRanksThreadsAndOrder) {
  const auto world = Comm::world(), self = Comm::self();
  for (const auto& shape : shapes()) {
    const Case inputs(shape);
    const auto want = distributed_sum(inputs, self, 1, false);
    for (const int threads : {1, 2, 4})
      for (const bool backwards : {false, true}) {
        const auto got = distributed_sum(inputs, world, threads, backwards);
        for (std::int64_t i = 0; i < shape.items; ++i)
          EXPECT_TRUE(std::equal(got.raw(i), got.raw(i) + shape.width, want.raw(i)))
              << "row " << i << ", " << threads << " threads";
        EXPECT_EQ(got.touched(), want.touched());
        EXPECT_EQ(got.weight(), want.weight());
        EXPECT_EQ(got.bytes_moved() > 0, world.size() > 1);
      }
  }
}

TEST(RowSum, OnlyTouchedRowsTravel) {
  const auto world = Comm::world();
  constexpr std::int64_t rows = 100000;
  constexpr int cols = 16;
  RowSum sum(rows, cols, FixedPoint::for_total_weight(100));
  const std::vector<float> x(cols, 0.25f);
  ASSERT_TRUE(sum.add(7, x.data(), 1));
  ASSERT_TRUE(sum.add(std::int32_t(rows - 1 - world.rank()), x.data(), 2));
  sum.reduce(world);
  EXPECT_EQ(sum.touched_rows(), 1 + world.size());
  std::vector<double> got(cols);
  sum.decode(7, got.data());
  EXPECT_EQ(got, std::vector<double>(cols, 0.25 * world.size()));
  for (int r = 0; r < world.size(); ++r) {
    sum.decode(rows - 1 - r, got.data());
    EXPECT_EQ(got, std::vector<double>(cols, 0.5));
  }
  EXPECT_EQ(sum.bytes_moved(), world.size() == 1 ? 0 : rows + (1 + world.size()) * cols * 8);
  sum.clear();
  sum.decode(7, got.data());
  EXPECT_EQ(got, std::vector<double>(cols, 0.0));
  EXPECT_EQ(sum.touched_rows(), 0);
}

TEST(RowSum, RefusesAWholeClientWhenOneValueDoesNotFit) {
  RowSum sum(4, 3, FixedPoint::for_total_weight(10));
  const std::vector<std::int32_t> ids{0, 2};
  std::vector<float> x(6, 1.0f);
  for (const float bad : {1024.0f, -1e30f, std::numeric_limits<float>::quiet_NaN(),
                          -std::numeric_limits<float>::infinity()}) {
    x[4] = bad;
    EXPECT_FALSE(sum.add(ids, x.data(), 1));
    EXPECT_EQ(sum.touched_rows(), 0);
  }
  x[4] = 1023.9f;
  EXPECT_TRUE(sum.add(ids, x.data(), 10));
  std::vector<double> got(3);
  sum.decode(2, got.data());
  EXPECT_NEAR(got[1], 10 * double(1023.9f), 1e-6);
  FixedSum vector(3, FixedPoint::for_total_weight(1));
  EXPECT_FALSE(vector.add(std::vector<double>{0, std::nan(""), 0}));
  EXPECT_EQ(vector[0], 0.0);
}

// A whole dataset of any rank, flat.
std::vector<double> golden(const std::string& name) {
  const h5::Handle file(H5Fopen(test::goldens_path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT),
                        H5Fclose, "goldens");
  const h5::Handle data(H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT), H5Dclose, name);
  const h5::Handle space(H5Dget_space(data.id()), H5Sclose, name);
  std::vector<double> values(std::size_t(H5Sget_simple_extent_npoints(space.id())));
  EXPECT_GE(H5Dread(data.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  return values;
}

struct Goldens {
  std::vector<std::int64_t> shape = h5::File::open(test::goldens_path()).shape("aggregate/in/rows");
  std::int64_t clients = shape.at(0), items = shape.at(1);
  int width = int(shape.at(2));
  std::vector<double> table = golden("aggregate/in/C"), rho = golden("aggregate/in/rho"),
                      alpha = golden("aggregate/in/alpha"),
                      touched = golden("aggregate/in/touched"), rows = golden("aggregate/in/rows"),
                      group = golden("aggregate/in/group"), want = golden("aggregate/out/C"),
                      group_mean = golden("aggregate/out/group_mean");

  // R1's update of row i by client u, in float.
  std::vector<float> delta(std::int64_t u, std::int64_t i) const {
    std::vector<float> x;
    for (std::int64_t k = 0; k < width; ++k)
      x.push_back(float(rows[std::size_t((u * items + i) * width + k)] -
                        rho[std::size_t(u)] * table[std::size_t(i * width + k)]));
    return x;
  }
  // keep C + (sum of weighted updates) / W over the clients with member(u); weights are integers.
  template <class Member>
  std::vector<double> by_row_sum(const std::vector<std::int64_t>& weight,
                                 const Member& member) const {
    std::int64_t total = 0;
    double keep = 0;
    for (std::int64_t u = 0; u < clients; ++u)
      if (member(u)) {
        total += weight[std::size_t(u)];
        keep += double(weight[std::size_t(u)]) * rho[std::size_t(u)];
      }
    RowSum sum(items, width, FixedPoint::for_total_weight(total));
    for (std::int64_t u = 0; u < clients; ++u)
      for (std::int64_t i = 0; i < items; ++i)
        if (member(u) && touched[std::size_t(u * items + i)] != 0) {
          EXPECT_TRUE(sum.add(std::int32_t(i), delta(u, i).data(), weight[std::size_t(u)]));
        }
    std::vector<double> next(table.size());
    for (std::int64_t i = 0; i < items; ++i) sum.decode(i, next.data() + i * width);
    for (std::size_t j = 0; j < next.size(); ++j)
      next[j] = keep / double(total) * table[j] + next[j] / double(total);
    return next;
  }
};

TEST(Aggregate, ReferenceReproducesTheGoldenValues) {
  FEDFUSE_REQUIRE_GOLDENS();
  const Goldens g;
  std::vector<std::uint8_t> touched(g.touched.begin(), g.touched.end());
  std::vector<double> got(g.want.size());
  aggregate::reference_dense({g.clients, g.items, g.width, g.table.data(), g.rho.data(),
                              g.alpha.data(), g.rows.data(), touched.data()},
                             got.data());
  expect_near(got, g.want, 1e-10);
}

TEST(RowSum, ReproducesTheGoldenValues) {
  FEDFUSE_REQUIRE_GOLDENS();
  const Goldens g;
  std::vector<std::int64_t> weight;  // alpha as integers
  for (const double a : g.alpha) weight.push_back(std::llround(a * 0x1p24));
  expect_near(g.by_row_sum(weight, [](std::int64_t) { return true; }), g.want, 1e-6);
}

// C_l, the target of GFMFR: the same sum with alpha = 1 / |group|.
TEST(RowSum, ReproducesTheGoldenGroupMeans) {
  FEDFUSE_REQUIRE_GOLDENS();
  const Goldens g;
  const std::vector<std::int64_t> weight(std::size_t(g.clients), 1);
  const auto groups = int(g.group_mean.size() / g.table.size());
  ASSERT_GT(groups, 1);
  for (int l = 0; l < groups; ++l) {
    const auto member = [&](std::int64_t u) { return int(g.group[std::size_t(u)]) == l; };
    if (std::ranges::count(g.group, double(l)) == 0) continue;
    const std::span want(g.group_mean.data() + std::ptrdiff_t(l) * std::ptrdiff_t(g.table.size()),
                         g.table.size());
    expect_near(g.by_row_sum(weight, member), want, 1e-6);
  }
}

}  // namespace
}  // namespace fedfuse
