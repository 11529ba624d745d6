// The parts of aggregation that only a device has, on the emulated one and on a real one where there is one: heads, a column a thread.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/fixed_point.hpp"
#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "support/inputs.hpp"
#include "support/runnable.hpp"

namespace fedfuse {
namespace {

struct Heads {
  std::int64_t count, width;
  std::vector<float> values;
  std::vector<std::int64_t> weight;
  double scale = std::ldexp(1.0, 32);
  Heads(std::int64_t n, std::int64_t columns) : count(n), width(columns) {
    const Rng rng(test::seed(5), Purpose::test);
    for (std::int64_t k = 0; k < n * columns; ++k) values.push_back(float(rng.normal(std::uint64_t(k), 0, 0)));
    for (std::int64_t c = 0; c < n; ++c) weight.push_back(1 + c % 7);
  }
};

struct Sums {
  std::vector<std::int64_t> sums;
  std::vector<std::int32_t> misfit;
};

Sums add(const std::shared_ptr<gpu::Device>& device, const Heads& heads) {
  const gpu::Stream stream(device);
  const auto values = gpu::to_device(stream, std::span<const float>(heads.values));
  const auto weight = gpu::to_device(stream, std::span<const std::int64_t>(heads.weight));
  gpu::Buffer<std::int64_t> sums(device, std::size_t(heads.width));
  gpu::Buffer<std::int32_t> misfit(device, std::size_t(heads.count));
  sums.fill_bytes(0, stream), misfit.fill_bytes(0, stream);
  const aggregate::GpuVectors v{heads.count, heads.width, values.data(), weight.data(), heads.scale, sums.data(), misfit.data()};
  gpu::on_platform(*device, [&]<class P>(P) { aggregate::add_vectors<P>(v, stream); });
  Sums out{std::vector<std::int64_t>(std::size_t(heads.width)), std::vector<std::int32_t>(std::size_t(heads.count))};
  sums.copy_out(out.sums, stream), misfit.copy_out(out.misfit, stream);
  stream.synchronise();
  return out;
}

TEST(AggregateDevice, HeadsAreTheSumsOfTheirWholeNumbers) {
  for (const auto& device : test::fresh_devices())
    for (const auto& [n, width] : {std::pair{1, 1}, {3, 65}, {257, 33}, {700, 8}, {2, 600}}) {
      const Heads heads(n, width);
      std::vector<std::int64_t> want(static_cast<std::size_t>(width));
      for (std::size_t c = 0; c < heads.weight.size(); ++c)
        for (std::size_t k = 0; k < want.size(); ++k)
          want[k] += heads.weight[c] * std::int64_t(std::nearbyint(double(heads.values[c * want.size() + k]) * heads.scale));
      for (const auto order : {simt::Order::ascending, simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 3, 1});
        const auto got = add(device, heads);
        EXPECT_EQ(got.sums, want) << n << " heads of " << width;
        EXPECT_EQ(got.misfit, std::vector<std::int32_t>(std::size_t(n))) << n << " heads of " << width;
      }
      simt::set_schedule({});
    }
}

TEST(AggregateDevice, AHeadThatDoesNotFitIsNamed) {
  for (const auto& device : test::fresh_devices())
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -1024.0f}) {
      Heads heads(9, 5);
      heads.values[4 * 5 + 3] = bad;
      std::vector<std::int32_t> want(9);
      want[4] = 1;
      EXPECT_EQ(add(device, heads).misfit, want) << bad;
    }
}

}  // namespace
}  // namespace fedfuse
