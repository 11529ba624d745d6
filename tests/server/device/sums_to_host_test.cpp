// server/device: sums in tiles from a device to the host, over the ranks' devices or their hosts.
#include "server/device/sums_to_host.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "aggregation/row_sum.hpp"
#include "core/rng.hpp"
#include "server/device/choose.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t rows = 23, width = 3;
constexpr std::size_t tables = 2;

// Of one rank: no client touches every third row of a table, and every rank leaves one row to the
// others.
std::vector<std::int64_t> sums_of(int rank) {
  const Rng rng(test::seed(11), Purpose::test);
  std::vector<std::int64_t> all;
  for (std::int64_t k = 0; k < std::int64_t(tables) * rows * width; ++k) {
    const auto row = k / width % rows;
    const bool here = row % 3 != 0 && row != 1 + rank;
    all.push_back(here ? std::int64_t(rng.bits(std::uint64_t(k), std::uint32_t(rank), 0) >> 8) -
                             (std::int64_t(1) << 55)
                       : 0);
  }
  return all;
}

// Sums over the ranks' devices, as a run of this kind of device would; null where it would go over
// their hosts.
std::unique_ptr<gpu::Reducer> reducer_of(const ChosenDevice& chosen, const Comm& comm) {
  return chosen.device->info().emulated
             ? gpu::make_emulated_reducer(comm)
             : gpu::choose_reducer(chosen.device, comm.max(chosen.ranks), comm).reducer;
}

std::vector<RowSum> fetched(const Comm& comm, const std::shared_ptr<gpu::Device>& device,
                            gpu::Reducer* reducer, std::int64_t tile_words) {
  const gpu::Stream stream(device);
  const auto mine = gpu::to_device(stream, std::span<const std::int64_t>(sums_of(comm.rank())));
  std::vector<RowSum> sums;
  for (std::size_t t = 0; t < tables; ++t)
    sums.emplace_back(rows, int(width), FixedPoint::for_total_weight(1));
  std::int64_t expected = 0;  // rows come in order, each once
  SumsToHost(device, tile_words)
      .fetch(mine, {tables, rows, width}, reducer,
             [&](std::size_t t, std::int64_t first, std::span<const std::int64_t> tile) {
               EXPECT_EQ(std::int64_t(t) * rows + first, expected);
               expected += std::int64_t(tile.size()) / width;
               sums[t].merge(first, tile, reducer != nullptr ? nullptr : &comm);
             });
  EXPECT_EQ(expected, std::int64_t(tables) * rows);
  for (auto& sum : sums) sum.reduce(comm);  // has nothing left to do
  return sums;
}

TEST(SumsToHost, WholeSumsForAnyTileAndWay) {
  const auto world = Comm::world();
  std::vector<std::int64_t> want(tables * std::size_t(rows * width));
  for (int rank = 0; rank < world.size(); ++rank) {
    const auto of_rank = sums_of(rank);
    for (std::size_t k = 0; k < want.size(); ++k) want[k] += of_rank[k];
  }
  for (const auto& kind : test::device_kinds()) {
    const auto chosen = open_device(kind, world, 1);
    const auto over_devices = reducer_of(chosen, world);
    for (auto* const reducer : {static_cast<gpu::Reducer*>(nullptr), over_devices.get()})
      for (const std::int64_t tile :
           {std::int64_t(1), 4 * width, 5 * width + 1, SumsToHost::usual_tile}) {
        const auto sums = fetched(world, chosen.device, reducer, tile);
        for (std::size_t t = 0; t < tables; ++t)
          for (std::int64_t i = 0; i < rows; ++i) {
            const auto* expected = want.data() + (std::int64_t(t) * rows + i) * width;
            EXPECT_TRUE(std::equal(expected, expected + width, sums[t].raw(i)))
                << kind << " table " << t << " row " << i << " tile " << tile;
            EXPECT_EQ(sums[t].touched()[std::size_t(i)] != 0,
                      std::any_of(expected, expected + width, [](auto x) { return x != 0; }))
                << i;
          }
      }
  }
}

// A stream on which a sum failed is never done: the host must wait through the reducer, which
// reports the failure.
class Breaking final : public gpu::Reducer {
 public:
  Breaking(const Comm& comm, int good_waits)
      : sums_(gpu::make_emulated_reducer(comm)), good_waits_(good_waits) {}
  void sum(std::int64_t* words, std::size_t count, const gpu::Stream& stream) override {
    sums_->sum(words, count, stream);
  }
  void wait(const gpu::Stream& stream) override {
    if (good_waits_-- == 0) throw InternalError("a link is broken");
    sums_->wait(stream);
  }

 private:
  std::unique_ptr<gpu::Reducer> sums_;
  int good_waits_;
};

TEST(SumsToHost, ASumThatBrokeIsTakenByNobody) {
  const auto device = gpu::open_emulated_device();
  const gpu::Stream stream(device);
  const auto mine =
      gpu::to_device(stream, std::span<const std::int64_t>(sums_of(Comm::world().rank())));
  for (const int good : {0, 1, 4}) {
    Breaking reducer(Comm::world(), good);
    int taken = 0;
    const auto take = [&](std::size_t, std::int64_t, std::span<const std::int64_t>) { ++taken; };
    EXPECT_THROW(SumsToHost(device, 5 * width).fetch(mine, {tables, rows, width}, &reducer, take),
                 InternalError);
    EXPECT_EQ(taken, good);
  }
}

TEST(SumsToHost, NothingToBring) {
  for (const auto& device : test::fresh_devices())
    SumsToHost(device).fetch({}, {0, 0, 3}, nullptr,
                             [](std::size_t, std::int64_t, std::span<const std::int64_t>) {
                               FAIL() << "there are no rows";
                             });
}

}  // namespace
}  // namespace fedfuse
