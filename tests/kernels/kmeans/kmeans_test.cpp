// k-means' hot loops: every variant against the naive forms, ties and empty groups, and the same
// bits whatever the chunks and the order of threads.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "core/gpu/simt.hpp"
#include "core/text.hpp"
#include "kernels/kmeans/kmeans_case.hpp"
#include "kernels/kmeans/kmeans_gpu.hpp"
#include "kernels/kmeans/points.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::kmeans {
namespace {

// Odd and even columns, one and many; groups of every plan: 4, 8 and 16 a thread, 2 and 4 slices, 2
// passes; more and fewer points than a tile.
std::vector<CaseShape> shapes() {
  std::vector<CaseShape> all;
  for (const bool ties : {false, true})
    for (const auto& [count, columns, groups] : {std::array<std::int64_t, 3>{1, 1, 1},
                                                 {300, 1, 2},
                                                 {70, 2, 3},
                                                 {257, 3, 4},
                                                 {300, 65, 5},
                                                 {130, 17, 8},
                                                 {61, 33, 13},
                                                 {140, 16, 16},
                                                 {150, 31, 29},
                                                 {131, 12, 64},
                                                 {90, 5, 71},
                                                 {9, 700, 3}})
      all.push_back({count, columns, groups, ties, std::uint64_t(7 + columns)});
  all.push_back({3, 8385, 2, false, 5});
  return test::with_asked_seed(all);
}

std::string name_of(const CaseShape& s, std::string_view variant) {
  return cat(std::string(variant), ": ", s.count, " points, ", s.columns, " columns, ", s.groups,
             " groups", s.ties ? ", ties" : "");
}

void expect_near(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_NEAR(got[k], want[k], tolerance * (1 + std::abs(want[k]))) << what << ": " << k;
}

TEST(KMeansKernel, NearestAgreesWithTheReference) {
  const auto variants = test::runnable(nearest_variants());
  for (const auto& shape : shapes()) {
    const Case input(shape);
    std::vector<std::int32_t> want(std::size_t(shape.count), -7);
    nearest_reference(input.nearest(), want.data());
    for (const auto& variant : variants) {
      std::vector<std::int32_t> got(want.size(), -9);
      variant.run(input.nearest(), got.data());
      EXPECT_EQ(got, want) << name_of(shape, variant.name);
    }
  }
}

TEST(KMeansKernel, StepAgreesWithTheReference) {
  const auto variants = test::runnable(step_variants());
  for (const auto& shape : shapes()) {
    if (shape.count < shape.groups) continue;
    const Case input(shape);
    StepResult want, got;
    step_reference(input.step(), want);
    for (const auto& variant : variants) {
      const auto what = name_of(shape, variant.name);
      got = {std::vector<std::int32_t>(3, -1), std::vector<double>(2, NAN), NAN};
      variant.run(input.step(), got);
      EXPECT_EQ(got.group, want.group) << what;
      expect_near(got.centres, want.centres, Step::tolerance, what);
      EXPECT_NEAR(got.inertia, want.inertia, Step::tolerance * (1 + want.inertia)) << what;
      std::vector<std::int64_t> size(std::size_t(shape.groups), 0);
      for (const auto g : got.group) ++size[std::size_t(g)];
      EXPECT_EQ(std::ranges::count(size, 0), 0) << what;
    }
  }
}

TEST(KMeansKernel, TheCasesHaveTiesAndEmptyGroups) {
  const Case input({150, 31, 29, true, 38});
  std::vector<std::int32_t> group(150);
  nearest_reference(input.nearest(), group.data());
  for (const auto g : group) EXPECT_EQ(g % 2, 0) << "of two equal centres the lower one";
}

// A tie is one whatever the scale: equal rows, centres that differ beyond the last digit of a
// float, and by nothing.
TEST(KMeansKernel, DistancesAreExactlyZeroWherePointsAreEqual) {
  std::vector<double> points;
  for (int i = 0; i < 40; ++i)
    for (int j = 0; j < 7; ++j) points.push_back(i % 5 == 0 ? 0.1 * j : 1e-9 * i + 0.3 * j);
  std::vector<std::unique_ptr<PointSet>> sets;
  sets.push_back(points_on_host(points.data(), 40, 7));
  for (const auto& device : test::fresh_devices())
    sets.push_back(points_on_device(device, points.data(), 40, 7, 3, 4));
  for (const auto& set : sets) {
    const std::vector<std::int64_t> rows{0, 1, 39};
    std::vector<double> got(3 * 40, NAN);
    set->distances(rows, got.data());
    for (std::size_t r = 0; r < 3; ++r)
      for (std::int64_t i = 0; i < 40; ++i) {
        double want = 0;
        for (int j = 0; j < 7; ++j)
          want +=
              std::pow(points[std::size_t(i * 7 + j)] - points[std::size_t(rows[r] * 7 + j)], 2);
        EXPECT_NEAR(got[r * 40 + std::size_t(i)], want, 1e-12 * want);
      }
    EXPECT_EQ(got[5], 0.0);
    EXPECT_EQ(got[40 + 1], 0.0);
    EXPECT_GT(got[40 + 2], 0.0);
  }
}

void expect_same_bits(const std::shared_ptr<gpu::Device>& device) {
  const simt::Schedule orders[] = {{simt::Order::ascending, 1, 1},
                                   {simt::Order::descending, 1, 1},
                                   {simt::Order::shuffled, 5, 2}};
  for (const auto& shape :
       {CaseShape{300, 13, 5, false, 3}, {140, 6, 40, false, 4}, {130, 9, 20, true, 5}}) {
    const Case input(shape);
    StepResult first, got;
    std::vector<std::int32_t> first_nearest(std::size_t(shape.count)),
        nearest(first_nearest.size());
    nearest_on(device, input.nearest(), first_nearest.data());
    points_on_device(device, input.wide.data(), shape.count, shape.columns, shape.groups, 1)
        ->step(input.centres.data(), shape.groups, first);
    for (const auto& order : orders)
      for (const std::int64_t rows : {0, 11, 97, 256}) {
        if (!device->info().emulated && order.order != simt::Order::ascending) continue;
        if (rows == 11 && order.order != simt::Order::ascending) continue;  // many launches
        simt::set_schedule(order);
        std::ranges::fill(nearest, -1);
        nearest_on(device, input.nearest(), nearest.data(), rows);
        EXPECT_EQ(nearest, first_nearest) << rows;
        for (const std::int64_t resident : {std::int64_t(0), std::int64_t(1) << 20}) {
          const auto set = points_on_device(device, input.wide.data(), shape.count, shape.columns,
                                            shape.groups, 1, {rows, resident});
          for (int again = 0; again < 2; ++again) {
            set->step(input.centres.data(), shape.groups, got);
            EXPECT_EQ(got.group, first.group);
            EXPECT_EQ(got.centres, first.centres) << rows << " rows, resident " << resident;
            EXPECT_EQ(got.inertia, first.inertia);
          }
        }
      }
    simt::set_schedule({});
  }
}

TEST(KMeansKernel, SameBitsForAnyChunksAndOrderOfThreads) {
  for (const auto& device : test::fresh_devices()) expect_same_bits(device);
}

TEST(KMeansKernel, TheHostGivesTheSameBitsForAnyThreads) {
  const int before = omp_get_max_threads();
  const Case input({2100, 7, 6, false, 3});
  StepResult first, got;
  std::vector<std::int32_t> first_nearest(2100), nearest(2100);
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    nearest_cpu(input.nearest(), nearest.data());
    step_cpu(input.step(), got);
    if (threads == 1) {
      first = got;
      first_nearest = nearest;
    }
    EXPECT_EQ(got.centres, first.centres);
    EXPECT_EQ(got.inertia, first.inertia);
    EXPECT_EQ(nearest, first_nearest);
  }
  omp_set_num_threads(before);
}

// What is planned is what is taken.
TEST(KMeansKernel, DeviceMemoryIsWhatTheFormulaSays) {
  for (const auto& shape : {CaseShape{300, 13, 5}, {90, 5, 71}, {9, 700, 3}}) {
    const Case input(shape);
    std::vector<std::int32_t> group(std::size_t(shape.count));
    for (const std::int64_t rows : {0, 64}) {
      const auto device = gpu::open_emulated_device();
      nearest_on(device, input.nearest(), group.data(), rows);
      EXPECT_EQ(device->high_water_bytes(),
                std::size_t(nearest_device_bytes(shape.count, shape.columns, shape.groups, rows)));
      const auto other = gpu::open_emulated_device();
      const auto set = points_on_device(other, input.wide.data(), shape.count, shape.columns,
                                        shape.groups, 3, {rows, rows * 1000});
      EXPECT_EQ(other->held_bytes(),
                std::size_t(points_device_bytes(shape.count, shape.columns, shape.groups, 3,
                                                {rows, rows * 1000})));
    }
  }
}

// Lloyd's loop over both kinds of points, from the same centres.
TEST(KMeansKernel, LloydEndsWhereTheHostEnds) {
  const Case input({400, 6, 5, false, 9});
  const auto a = lloyd(*points_on_host(input.wide.data(), 400, 6), input.centres, 5);
  for (const auto& device : test::fresh_devices()) {
    const auto b =
        lloyd(*points_on_device(device, input.wide.data(), 400, 6, 5, 1), input.centres, 5);
    EXPECT_EQ(a.group, b.group);
    expect_near(b.centres, a.centres, 1e-12, "centres");
    EXPECT_NEAR(a.inertia, b.inertia, 1e-9 * a.inertia);
  }
  expect_near(a.centres, means_of(input.wide.data(), 6, a.group, 5), 0, "means of the members");
}

}  // namespace
}  // namespace fedfuse::kmeans
