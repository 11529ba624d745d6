// bench/device/random_gather: every row once, in an order that is none, on the emulated device and
// on a real one where there is one.
#include "device/random_gather.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/runnable.hpp"

namespace fedfuse::bench {
namespace {

TEST(RandomGather, MovesEveryRowOnce) {
  constexpr std::int64_t rows = 1000, width = RandomGather::width;
  for (const auto& device : test::fresh_devices()) {
    const gpu::Stream stream(device);
    RandomGather gather(device, rows);
    std::vector<float> table(rows * width), got(table.size());
    for (std::size_t k = 0; k < table.size(); ++k) table[k] = float(k);
    gather.table().copy_in(table, stream);
    gather.launch(stream);
    gather.gathered().copy_out(got, stream);
    std::vector<std::int32_t> order(rows);
    gather.rows().copy_out(order, stream);
    stream.synchronise();
    std::int64_t neighbours = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t row = order[std::size_t(i)];
      for (std::int64_t k = 0; k < width; ++k)
        ASSERT_EQ(got[std::size_t(i * width + k)], float(row * width + k));
      if (i > 0 && std::abs(row - order[std::size_t(i - 1)]) == 1) ++neighbours;
    }
    EXPECT_LT(neighbours, 20);  // 2 of a thousand by chance
    std::ranges::sort(order);
    for (std::int64_t i = 0; i < rows; ++i) ASSERT_EQ(order[std::size_t(i)], i);
    EXPECT_EQ(gather.bytes(), 2.0 * rows * 256);
  }
}

}  // namespace
}  // namespace fedfuse::bench
