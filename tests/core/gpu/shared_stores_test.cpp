// core/gpu/shared_stores: a store to shared memory is seen by the other lanes after a fence, and a
// shuffle or a ballot is none.
#include "core/gpu/shared_stores.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/gpu/platform.hpp"

namespace fedfuse {
namespace {

constexpr simt::Order orders[] = {simt::Order::ascending, simt::Order::descending,
                                  simt::Order::shuffled};

class SharedStores : public testing::TestWithParam<simt::Order> {
 protected:
  void SetUp() override { simt::set_schedule({GetParam(), 7, 1}); }
  void TearDown() override { simt::set_schedule({}); }
  template <class... Parameters, class... Arguments>
  std::vector<int> run(void (*kernel)(int*, Parameters...), Arguments... arguments) {
    const auto device = gpu::open_emulated_device();
    const gpu::Stream stream(device);
    std::vector<int> out(threads, -1);
    gpu::launch(kernel, {1, 1, 1}, threads, (threads + 1) * sizeof(int), stream, out.data(),
                arguments...);
    stream.synchronise();
    return out;
  }
  static constexpr unsigned threads = 64;
};

enum class Between { sync_warp, barrier, shuffle, ballot };

void meet(Between between) {
  if (between == Between::sync_warp) __syncwarp();
  if (between == Between::barrier) __syncthreads();
  if (between == Between::shuffle) (void)__shfl_xor_sync(gpu::all_lanes, 1, 1);
  if (between == Between::ballot) (void)__ballot_sync(gpu::all_lanes, 1);
}

// Each lane tells its right neighbour in the warp its number, twice.
void neighbour_kernel(int* out, Between between) {
  int* values = gpu::shared<int>();
  const unsigned t = threadIdx.x, right = t / 32 * 32 + (t + 1) % 32;
  values[t] = 100 + int(t);
  meet(between);
  out[t] = values[right];
  meet(between);
  values[t] = 200 + int(t);
  meet(between);
  out[t] += 1000 * values[right];
}

TEST_P(SharedStores, AreSeenAfterAFenceAndAShuffleIsNone) {
  std::vector<int> want(threads);
  for (int t = 0; t < int(threads); ++t) {
    const int right = t / 32 * 32 + (t + 1) % 32;
    want[std::size_t(t)] = 100 + right + 1000 * (200 + right);
  }
  EXPECT_EQ(run(neighbour_kernel, Between::sync_warp), want);
  EXPECT_EQ(run(neighbour_kernel, Between::barrier), want);
  if (GetParam() == simt::Order::ascending) return;  // the fast order takes them for fences
  EXPECT_NE(run(neighbour_kernel, Between::shuffle), want);
  EXPECT_NE(run(neighbour_kernel, Between::ballot), want);
}

void own_kernel(int* out) {
  int* values = gpu::shared<int>();
  values[threadIdx.x] = int(threadIdx.x);
  meet(Between::shuffle);
  values[threadIdx.x] += 100;
  meet(Between::ballot);
  out[threadIdx.x] = values[threadIdx.x];
  meet(Between::sync_warp);
  out[threadIdx.x] += 1000 * values[threadIdx.x ^ 1];
}
TEST_P(SharedStores, ALaneSeesItsOwnAtOnce) {
  const auto out = run(own_kernel);
  for (int t = 0; t < int(threads); ++t)
    EXPECT_EQ(out[std::size_t(t)], 100 + t + 1000 * (100 + (t ^ 1)));
}

void count_kernel(int* out) {
  int* count = gpu::shared<int>() + blockDim.x;
  if (threadIdx.x == 0) *count = 0;
  __syncthreads();
  atomicAdd(count, 1);
  meet(Between::shuffle);
  out[threadIdx.x] = *count;
}
TEST_P(SharedStores, AtomicsAreSeenAtOnce) {
  const auto out = run(count_kernel);
  for (const int n : out) EXPECT_GE(n, 32);
}

INSTANTIATE_TEST_SUITE_P(Orders, SharedStores, testing::ValuesIn(orders));

}  // namespace
}  // namespace fedfuse
