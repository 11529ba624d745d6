// core/gpu/graph: work recorded once and launched again, on the emulated device, and on a real one
// where there is one.
#include "core/gpu/graph.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/platform.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

// x <- 3 x + own number; y counts launches: in device memory, as a graph has no new arguments.
void step_kernel(int* x, int* launches) {
  x[threadIdx.x] = 3 * x[threadIdx.x] + int(threadIdx.x) + *launches;
  __syncthreads();
  if (threadIdx.x == 0) ++*launches;
}

class GraphTest : public testing::Test {
 protected:
  static constexpr int n = 64;
  std::shared_ptr<gpu::Device> device = gpu::open_emulated_device();
  gpu::Stream stream{device};
  gpu::Buffer<int> x{device, n}, launches{device, 1};

  void put_step() { gpu::launch(step_kernel, {1, 1, 1}, n, 0, stream, x.data(), launches.data()); }
  void clear() {
    x.fill_bytes(0, stream);
    launches.fill_bytes(0, stream);
  }
  std::vector<int> values() {
    std::vector<int> all(n);
    x.copy_out(all, stream);
    stream.synchronise();
    return all;
  }
};

TEST_F(GraphTest, LaunchedAgainAndAgainItIsTheSameAsDirectly) {
  for (const int recorded : {1, 3})
    for (const int replays : {0, 1, 4}) {
      clear();
      for (int k = 0; k < recorded * replays; ++k) put_step();
      const auto want = values();
      const gpu::Graph graph(stream, [&] {
        for (int k = 0; k < recorded; ++k) put_step();
      });
      clear();
      for (int k = 0; k < replays; ++k) graph.launch(stream);
      EXPECT_EQ(values(), want) << recorded << " steps " << replays << " times";
    }
}

TEST_F(GraphTest, NothingRunsWhileItIsRecordedNorBeforeSomebodyWaits) {
  clear();
  stream.synchronise();
  std::optional<gpu::Graph> graph(std::in_place, stream, [this] { put_step(); });
  stream.synchronise();
  EXPECT_EQ(*launches.data(), 0);
  graph->launch(stream);
  EXPECT_EQ(*launches.data(), 0);
  graph.reset();  // what was launched still runs
  stream.synchronise();
  EXPECT_EQ(*launches.data(), 1);
  EXPECT_EQ(x.data()[5], 5);
}

TEST_F(GraphTest, KeepsTheOrderOfItsStreamAndLaunchesOnOthers) {
  clear();
  const gpu::Graph graph(stream, [this] { put_step(); });
  put_step();
  graph.launch(stream);
  const gpu::Stream other(device);
  other.wait_for(stream);
  graph.launch(other);
  other.synchronise();
  EXPECT_EQ(*launches.data(), 3);
  EXPECT_EQ(x.data()[0], 5);  // 3 (3 (0) + 1) + 2
}

TEST_F(GraphTest, WhatCannotBeRecordedIsRefusedAndLeavesTheStreamUsable) {
  clear();
  const std::vector<int> pageable(n, 1);
  const gpu::Stream other(device);
  const auto record = [&](auto&& work) { const gpu::Graph graph(stream, work); };
  EXPECT_THROW(record([&] { stream.synchronise(); }), InternalError);
  EXPECT_THROW(record([&] { stream.wait_for(other); }), InternalError);
  EXPECT_THROW(record([&] { other.wait_for(stream); }), InternalError);
  EXPECT_THROW(record([&] { x.copy_in(pageable, stream); }), InternalError);
  EXPECT_THROW(record([&] { const gpu::Buffer<int> more(device, 1); }), InternalError);
  EXPECT_THROW(record([&] { const gpu::Graph inner(stream, [] {}); }), InternalError);
  EXPECT_THROW(record([&] {
                 put_step();
                 throw std::runtime_error("half way");
               }),
               std::runtime_error);
  put_step();
  EXPECT_EQ(values()[7], 7);
  EXPECT_EQ(*launches.data(), 1);
}

TEST(GraphOnDevice, RecordsCopiesAndFills) {
  for (const auto& device : test::fresh_devices()) {
    const gpu::Stream stream(device);
    gpu::Pinned<int> in(device, 4), out(device, 4);
    gpu::Buffer<int> buffer(device, 4);
    for (std::size_t k = 0; k < 4; ++k) in[k] = int(k);
    const gpu::Graph graph(stream, [&] {
      buffer.fill_bytes(-1, stream);
      buffer.copy_in(in.first(2), stream);
      buffer.copy_out(out.first(4), stream);
    });
    for (int turn = 0; turn < 2; ++turn) {
      in[1] = 10 * turn;
      graph.launch(stream);
      stream.synchronise();
      EXPECT_EQ(std::vector<int>(out.first(4).begin(), out.first(4).end()),
                (std::vector{0, 10 * turn, -1, -1}));
    }
  }
}

}  // namespace
}  // namespace fedfuse
