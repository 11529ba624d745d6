// Aggregation as a device does it, on the emulated one and on a real one where there is one:
// updates against plain integer sums, heads.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/fixed_point.hpp"
#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

struct Heads {
  std::int64_t count, width;
  std::vector<float> values;
  std::vector<std::int64_t> weight;
  double scale = std::ldexp(1.0, 32);
  Heads(std::int64_t n, std::int64_t columns) : count(n), width(columns) {
    const Rng rng(test::seed(5), Purpose::test);
    for (std::int64_t k = 0; k < n * columns; ++k)
      values.push_back(float(rng.normal(std::uint64_t(k), 0, 0)));
    for (std::int64_t c = 0; c < n; ++c) weight.push_back(1 + c % 7);
  }
};

struct Sums {
  std::vector<std::int64_t> sums;
  std::vector<std::int32_t> misfit;
  std::vector<std::int64_t> row_weight = {};  // of updates
};

// A device has a NaN of its own.
void make_nans_one(Sums& sums) {
  constexpr auto infinity = std::bit_cast<std::int32_t>(std::numeric_limits<float>::infinity()),
                 nan = std::bit_cast<std::int32_t>(std::numeric_limits<float>::quiet_NaN());
  for (auto& bits : sums.misfit)
    if (bits > infinity) bits = nan;
}

Sums add(const std::shared_ptr<gpu::Device>& device, const Heads& heads) {
  const gpu::Stream stream(device);
  const auto values = gpu::to_device(stream, std::span<const float>(heads.values));
  const auto weight = gpu::to_device(stream, std::span<const std::int64_t>(heads.weight));
  gpu::Buffer<std::int64_t> sums(device, std::size_t(heads.width));
  gpu::Buffer<std::int32_t> misfit(device, std::size_t(heads.count));
  sums.fill_bytes(0, stream);
  misfit.fill_bytes(0, stream);
  const aggregate::GpuVectors v{heads.count, heads.width, values.data(), weight.data(),
                                heads.scale, sums.data(), misfit.data()};
  gpu::on_platform(*device, [&]<class P>(P) { aggregate::add_vectors<P>(v, stream); });
  Sums out{std::vector<std::int64_t>(std::size_t(heads.width)),
           std::vector<std::int32_t>(std::size_t(heads.count))};
  sums.copy_out(out.sums, stream);
  misfit.copy_out(out.misfit, stream);
  stream.synchronise();
  make_nans_one(out);
  return out;
}

TEST(AggregateDevice, HeadsAreTheSumsOfTheirWholeNumbers) {
  for (const auto& device : test::fresh_devices())
    for (const auto& [n, width] : {std::pair{1, 1}, {3, 65}, {257, 33}, {700, 8}, {2, 600}}) {
      const Heads heads(n, width);
      std::vector<std::int64_t> want(static_cast<std::size_t>(width));
      for (std::size_t c = 0; c < heads.weight.size(); ++c)
        for (std::size_t k = 0; k < want.size(); ++k)
          want[k] +=
              heads.weight[c] *
              std::int64_t(std::nearbyint(double(heads.values[c * want.size() + k]) * heads.scale));
      for (const auto order :
           {simt::Order::ascending, simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 3, 1});
        const auto got = add(device, heads);
        EXPECT_EQ(got.sums, want) << n << " heads of " << width;
        EXPECT_EQ(got.misfit, std::vector<std::int32_t>(std::size_t(n)))
            << n << " heads of " << width;
      }
      simt::set_schedule({});
    }
}

TEST(AggregateDevice, AHeadThatDoesNotFitIsNamedAndAddsNothing) {
  for (const auto& device : test::fresh_devices())
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -1024.0f})
      for (const std::size_t head : {0, 4, 7, 8}) {
        Heads heads(9, 5);
        heads.values[head * 5 + 3] = 0.0f;
        auto want = add(device, heads);
        want.misfit[head] = std::bit_cast<std::int32_t>(std::abs(bad));
        heads.values[head * 5 + 3] = bad;
        const auto got = add(device, heads);
        EXPECT_EQ(got.misfit, want.misfit) << bad;
        EXPECT_EQ(got.sums, want.sums) << bad;
      }
}

struct Updates {
  std::int64_t rows;
  int width;
  std::int64_t clients = 7;
  std::vector<std::int32_t> ids, owner;
  std::vector<float> delta;
  std::vector<std::int64_t> weight;
  double scale = 0x1p30;
  std::vector<double> scale_of;

  // rows_of: of every entry. Every third value lies half-way between two whole numbers at 2^8,
  // every fifth is zero.
  Updates(std::int64_t table, int columns, std::vector<std::int32_t> rows_of)
      : rows(table), width(columns), ids(std::move(rows_of)) {
    const Rng rng(6, Purpose::test);
    for (std::size_t e = 0; e < ids.size(); ++e)
      owner.push_back(std::int32_t(std::int64_t(e) * clients / std::int64_t(ids.size())));
    for (std::uint64_t k = 0; k < ids.size() * std::uint64_t(width); ++k) {
      const double x = rng.normal(k, 1, 0);
      delta.push_back(k % 5 == 0   ? 0.0f
                      : k % 3 == 0 ? float((std::floor(x * 256) + 0.5) / 256)
                                   : float(x));
    }
    for (std::int64_t c = 0; c < clients; ++c) weight.push_back(1 + c % 3);
  }
  [[nodiscard]] Sums naive(std::int64_t before, int times) const {
    Sums want{std::vector<std::int64_t>(std::size_t(rows * width), before),
              std::vector<std::int32_t>(std::size_t(clients)),
              std::vector<std::int64_t>(std::size_t(rows), before)};
    for (std::size_t e = 0; e < ids.size(); ++e)
      if (ids[e] >= 0)
        want.row_weight[std::size_t(ids[e])] += times * weight[std::size_t(owner[e])];
    for (std::size_t e = 0; e < ids.size(); ++e)
      for (int k = 0; k < width && ids[e] >= 0; ++k) {
        const auto c = std::size_t(owner[e]);
        const double x = double(delta[e * std::size_t(width) + std::size_t(k)]);
        if (!FixedPoint::fits(x))
          want.misfit[c] =
              std::max(want.misfit[c], std::bit_cast<std::int32_t>(std::abs(float(x))));
        else
          want.sums[std::size_t(std::int64_t(ids[e]) * width + k)] +=
              times * weight[c] * std::llrint(x * (scale_of.empty() ? scale : scale_of[c]));
      }
    return want;
  }
};

constexpr std::int64_t before = 5;  // what the sums hold already

// Twice into the same sums with the same scratch.
Sums add(const std::shared_ptr<gpu::Device>& device, aggregate::GpuMethod method,
         const Updates& in) {
  const gpu::Stream stream(device);
  const auto ids = gpu::to_device(stream, std::span<const std::int32_t>(in.ids)),
             owner = gpu::to_device(stream, std::span<const std::int32_t>(in.owner));
  const auto delta = gpu::to_device(stream, std::span<const float>(in.delta));
  const auto weight = gpu::to_device(stream, std::span<const std::int64_t>(in.weight));
  const auto scale_of = gpu::to_device(stream, std::span<const double>(in.scale_of));
  Sums out{std::vector<std::int64_t>(std::size_t(in.rows * in.width), before),
           std::vector<std::int32_t>(std::size_t(in.clients)),
           std::vector<std::int64_t>(std::size_t(in.rows), before)};
  const auto row_weight = gpu::to_device(stream, std::span<const std::int64_t>(out.row_weight));
  const auto sums = gpu::to_device(stream, std::span<const std::int64_t>(out.sums));
  const auto misfit = gpu::to_device(stream, std::span<const std::int32_t>(out.misfit));
  const auto count = std::int64_t(in.ids.size());
  const gpu::Buffer<std::int32_t> scratch(device,
                                          std::size_t(aggregate::sort_scratch(in.rows, count)));
  aggregate::GpuUpdates u;
  u.rows = in.rows;
  u.width = in.width;
  u.count = count;
  u.ids = ids.data();
  u.owner = owner.data();
  u.delta = delta.data();
  u.weight = weight.data();
  u.scale = in.scale;
  u.scale_of = in.scale_of.empty() ? nullptr : scale_of.data();
  u.sums = sums.data();
  u.row_weight = row_weight.data();
  u.misfit = misfit.data();
  for (int time = 0; time < 2; ++time)
    gpu::on_platform(
        *device, [&]<class P>(P) { aggregate::add_updates<P>(method, u, scratch.data(), stream); });
  sums.copy_out(out.sums, stream);
  misfit.copy_out(out.misfit, stream);
  row_weight.copy_out(out.row_weight, stream);
  stream.synchronise();
  make_nans_one(out);
  return out;
}

void expect_naive_sums(const Updates& in, const std::string& what) {
  const auto want = in.naive(before, 2);
  for (const auto& device : test::fresh_devices())
    for (const auto method : {aggregate::GpuMethod::sorted, aggregate::GpuMethod::atomics}) {
      for (const auto order :
           {simt::Order::ascending, simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 3, order == simt::Order::shuffled ? 2 : 1});
        const auto got = add(device, method, in);
        EXPECT_EQ(got.sums, want.sums)
            << what << ", method " << int(method) << ", order " << int(order);
        EXPECT_EQ(got.misfit, want.misfit)
            << what << ", method " << int(method) << ", order " << int(order);
        EXPECT_EQ(got.row_weight, want.row_weight)
            << what << ", method " << int(method) << ", order " << int(order);
      }
      simt::set_schedule({});
    }
}

// `count` rows by a rule of the entry's number.
template <class Rule>
std::vector<std::int32_t> rows_by(std::int64_t count, const Rule& rule) {
  std::vector<std::int32_t> rows;
  for (std::int64_t e = 0; e < count; ++e) rows.push_back(std::int32_t(rule(e)));
  return rows;
}

TEST(AggregateDevice, UpdatesAreTheSumsOfTheirWholeNumbersAtAnyWidth) {
  for (const int width : {1, 7, 32, 33, 64, 65, 130})
    expect_naive_sums({11, width, rows_by(101, [](std::int64_t e) { return e * 7 % 11; })},
                      "width " + std::to_string(width));
}

TEST(AggregateDevice, UpdatesOfPopularAndOfManyRows) {
  expect_naive_sums({1, 1, {0}}, "one update");
  expect_naive_sums({50, 64, rows_by(700, [](std::int64_t e) { return e % 3 == 0 ? e % 50 : 17; })},
                    "a row of many pieces");
  expect_naive_sums({2, 5, rows_by(256, [](std::int64_t e) { return e / 128; })},
                    "runs that end with their pieces");
  expect_naive_sums({5000, 3, rows_by(2600, [](std::int64_t e) { return e * 1409 % 5000; })},
                    "many tiles of rows");
  const std::vector<std::int32_t> edges{0, 1023, 1024, 2047, 2048, 3071, 3072, 4095};
  expect_naive_sums(
      {4096, 9, rows_by(300, [&](std::int64_t e) { return edges[std::size_t(e) % edges.size()]; })},
      "ends of tiles");
}

TEST(AggregateDevice, UnusedRoomAddsNothing) {
  expect_naive_sums({5, 8, {}}, "no entry");
  expect_naive_sums({5, 8, std::vector<std::int32_t>(77, -1)}, "nothing but unused room");
  expect_naive_sums(
      {1500, 8, rows_by(1300, [](std::int64_t e) { return e % 4 == 1 ? -1 : e * 31 % 1500; })},
      "room between");
}

TEST(AggregateDevice, UpdatesRoundAndWeighLikeTheHost) {
  Updates in(6, 66, rows_by(130, [](std::int64_t e) { return e % 6; }));
  in.scale = 0x1p8;  // a third of the values are ties
  in.weight = {1, std::int64_t(1) << 34, 3, (std::int64_t(1) << 32) - 1, 40, 1, 2};
  expect_naive_sums(in, "large weights, ties");
  in.scale_of = {0x1p8, 0x1p12, 0x1p20, 0x1p9, 0x1p33, 0x1p40, 0x1p10};
  in.scale = std::nan("");
  expect_naive_sums(in, "a scale of each client");
}

TEST(AggregateDevice, UpdatesThatDoNotFitAreNamedAndAddNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  for (const auto& [bad, width] :
       {std::pair{nan, 5}, {-infinity, 64}, {1024.0f, 70}, {-5000.0f, 33}}) {
    Updates in(9, width, rows_by(150, [](std::int64_t e) { return e % 8 == 7 ? -1 : e % 9; }));
    for (const auto& [e, k] : {std::pair{0, 0}, {149, width - 1}, {70, width / 2}, {71, width / 2}})
      in.delta[std::size_t(e * width + k)] = bad;
    in.delta[std::size_t(63 * width)] = bad;  // unused capacity: its values mark no client
    expect_naive_sums(in, std::to_string(bad));
  }
}

TEST(AggregateDevice, BytesOfALaunchAreThoseThatMustTravel) {
  const std::vector<std::int64_t> offsets{0, 2, 3};
  const std::vector<std::int32_t> ids{0, 4, 4};
  aggregate::Problem p;
  p.items = 5;
  p.width = 3;
  p.clients = 2;
  p.offsets = offsets.data();
  p.ids = ids.data();
  const double in = 3 * (4 + 3 * 4);
  EXPECT_EQ(aggregate::launch_bytes(aggregate::GpuMethod::sorted, p), in + 2 * 3 * (8 + 8));
  EXPECT_EQ(aggregate::launch_bytes(aggregate::GpuMethod::atomics, p), in + 3 * 3 * (8 + 8));
  EXPECT_EQ(aggregate::launch_bytes(aggregate::GpuMethod::float_atomics, p), in + 3 * 3 * (4 + 4));
  p.by_counts = true;  // an id and a weight for every update
  EXPECT_EQ(aggregate::launch_bytes(aggregate::GpuMethod::atomics, p),
            in + 3 * 3 * (8 + 8) + 3 * (4 + 8 + 8));
}

}  // namespace
}  // namespace fedfuse
