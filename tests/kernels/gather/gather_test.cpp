// kernels/gather: rows in any order, some twice, of any width, on the emulated device and on a real
// one where there is one.
#include "kernels/gather/gather.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

TEST(Gather, RowsStandOneAfterTheOther) {
  const Rng rng(test::seed(3), Purpose::test);
  for (const auto& device : test::fresh_devices())
    for (const std::int64_t width : {1, 3, 4, 64, 65, 132, 8385})
      for (const std::int64_t count : {0, 1, 7, 100}) {
        constexpr std::int64_t table_rows = 23;
        std::vector<float> table(std::size_t(table_rows * width));
        for (std::size_t k = 0; k < table.size(); ++k) table[k] = float(k);
        std::vector<std::int32_t> rows;
        for (std::int64_t i = 0; i < count; ++i)
          rows.push_back(std::int32_t(rng.words(std::uint64_t(i), 0, 0)[0] % table_rows));
        std::vector<float> want(std::size_t(count * width)), got(want.size());
        gather::reference({count, width, table.data(), rows.data(), want.data()});
        for (const auto order : {simt::Order::ascending, simt::Order::shuffled}) {
          simt::set_schedule({order, 5, 1});
          const gpu::Stream stream(device);
          const auto from = gpu::to_device(stream, std::span<const float>(table));
          const auto which = gpu::to_device(stream, std::span<const std::int32_t>(rows));
          gpu::Buffer<float> to(device, want.size());
          to.fill_bytes(0xff, stream);
          const gather::Problem problem{count, width, from.data(), which.data(), to.data()};
          gpu::on_platform(*device, [&]<class P>(P) { gather::gather_rows<P>(problem, stream); });
          to.copy_out(got, stream);
          stream.synchronise();
          EXPECT_EQ(got, want) << count << " rows of " << width;
        }
        simt::set_schedule({});
      }
}

}  // namespace
}  // namespace fedfuse
