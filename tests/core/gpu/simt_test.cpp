// core/gpu/simt: what the emulation of CUDA promises: barriers, warp collectives, the three orders,
// and the faults that it catches.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/intrinsics.hpp"
#include "core/gpu/platform.hpp"

namespace fedfuse {
namespace {

constexpr simt::Order orders[] = {simt::Order::ascending, simt::Order::descending,
                                  simt::Order::shuffled};

class Simt : public testing::TestWithParam<simt::Order> {
 protected:
  void SetUp() override { simt::set_schedule({GetParam(), 7, 1}); }
  void TearDown() override { simt::set_schedule({}); }
  std::shared_ptr<gpu::Device> device = gpu::open_emulated_device();
  gpu::Stream stream{device};

  template <class... Parameters, class... Arguments>
  void run(void (*kernel)(Parameters...), dim3 grid, unsigned block, std::size_t shared_bytes,
           Arguments... arguments) {
    gpu::launch(kernel, grid, block, shared_bytes, stream, arguments...);
    stream.synchronise();
  }
};

// Block sums through shared memory and warp shuffles.
void sum_kernel(const int* x, long* out, int n) {
  long* partial = gpu::shared<long>();
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  long sum = i < n ? x[i] : 0;
  for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(gpu::all_lanes, sum, by);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (unsigned w = 1; w < blockDim.x / 32; ++w) sum += partial[w];
  atomicAdd(out, sum);
}

TEST_P(Simt, BarriersShufflesAndAtomics) {
  for (const int n : {1, 31, 128, 1000, 4097}) {
    std::vector<int> x(static_cast<std::size_t>(n));
    std::iota(x.begin(), x.end(), 1);
    long out = 0;
    run(sum_kernel, {unsigned((n + 127) / 128), 1, 1}, 128, 4 * sizeof(long),
        static_cast<const int*>(x.data()), &out, n);
    EXPECT_EQ(out, long(n) * (n + 1) / 2);
  }
}

// Two numbers of 16 bits a lane: row lane / 4, columns 2 (lane % 4) and the next.
void transpose_kernel(unsigned* out) {
  const unsigned first = threadIdx.x / 4 * 8 + threadIdx.x % 4 * 2;
  out[threadIdx.x] = gpu::transpose_8x8(first | (first + 1) << 16);
}

TEST_P(Simt, AMatrixIsTransposedInTheWarp) {
  std::vector<unsigned> out(32);
  run(transpose_kernel, {1, 1, 1}, 32, 0, out.data());
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned row = lane / 4, column = lane % 4 * 2;
    EXPECT_EQ(out[lane], (column * 8 + row) | ((column + 1) * 8 + row) << 16) << lane;
  }
}

void neighbour_kernel(int* out, bool with_barrier) {
  int* values = gpu::shared<int>();
  values[threadIdx.x] = int(threadIdx.x);
  if (with_barrier) __syncthreads();
  out[threadIdx.x] =
      values[(threadIdx.x + 1) % blockDim.x] + values[(threadIdx.x + blockDim.x - 1) % blockDim.x];
}

// Shared memory is poisoned: a read before the neighbour's write gives NaN in any order of threads.
TEST_P(Simt, AMissingBarrierShows) {
  std::vector<int> right(64), wrong(64), want(64);
  for (int t = 0; t < 64; ++t) want[std::size_t(t)] = (t + 1) % 64 + (t + 63) % 64;
  run(neighbour_kernel, {1, 1, 1}, 64, 64 * sizeof(int), right.data(), true);
  run(neighbour_kernel, {1, 1, 1}, 64, 64 * sizeof(int), wrong.data(), false);
  EXPECT_EQ(right, want);
  EXPECT_NE(wrong, want);
}

void deadlock_kernel() {
  if (threadIdx.x < 16) __syncthreads();
  while (threadIdx.x >= 16) __syncwarp(gpu::all_lanes);  // the others of the warp never come
}
TEST_P(Simt, ADeadlockIsAnError) {
  EXPECT_THROW(run(deadlock_kernel, {1, 1, 1}, 32, 0), InternalError);
}

void mask_kernel() { (void)__ballot_sync(threadIdx.x == 20 ? 0x100001u : gpu::all_lanes, 1); }
TEST_P(Simt, LanesThatDisagreeAboutTheirMaskAreAnError) {
  EXPECT_THROW(run(mask_kernel, {1, 1, 1}, 32, 0), InternalError);
}

void ballot_kernel(unsigned* out) {
  if (threadIdx.x >= 20) return;  // lanes that have ended are not waited for
  const unsigned votes = __ballot_sync(0xfffffu, threadIdx.x % 3 == 0);
  if (threadIdx.x == 0) *out = votes;
}
TEST_P(Simt, LanesThatEndedAreNotWaitedFor) {
  unsigned votes = 0;
  run(ballot_kernel, {1, 1, 1}, 32, 0, &votes);
  EXPECT_EQ(votes, 0x49249u);
}

TEST_P(Simt, BuffersArePoisonedAndCounted) {
  const auto before = device->held_bytes();
  {
    gpu::Buffer<float> buffer(device, 10);
    EXPECT_TRUE(std::isnan(buffer.data()[9]));
    EXPECT_EQ(device->held_bytes(), before + 40);
  }
  EXPECT_EQ(device->held_bytes(), before);
  EXPECT_GE(device->high_water_bytes(), before + 40);
}

struct Large {
  char bytes[40000];
};
void no_kernel() {}
void large_kernel(Large) {}
TEST_P(Simt, ALaunchThatNoDeviceTakesIsRefused) {
  EXPECT_NO_THROW(run(no_kernel, {1, 65535, 1}, 1, 0));
  EXPECT_THROW(run(no_kernel, {1, 65536, 1}, 1, 0), InternalError);
  EXPECT_THROW(run(no_kernel, {1, 1, 65536}, 1, 0), InternalError);
  EXPECT_THROW(run(no_kernel, {1, 1, 1}, 1025, 0), InternalError);
  EXPECT_THROW(run(no_kernel, {1, 1, 1}, 0, 0), InternalError);
  EXPECT_NO_THROW(run(no_kernel, {1, 1, 1}, 1, 227 << 10));
  EXPECT_THROW(run(no_kernel, {1, 1, 1}, 1, (227 << 10) + 1), InternalError);
  EXPECT_THROW(run(large_kernel, {1, 1, 1}, 1, 0, Large{}), InternalError);
}

void double_kernel(int* x) { x[threadIdx.x] *= 2; }

// As lazy as CUDA allows: a host that does not wait sees nothing, or changes what is yet to be
// read.
TEST_P(Simt, NothingHappensBeforeSomebodyWaits) {
  gpu::Pinned<int> pinned(device, 2);
  gpu::Buffer<int> buffer(device, 2);
  std::vector<int> pageable{3, 4}, out{-1, -1};
  pinned[0] = 1;
  pinned[1] = 2;
  buffer.copy_in(pinned.first(2), stream);
  gpu::launch(double_kernel, {1, 1, 1}, 2, 0, stream, buffer.data());
  buffer.copy_out(out, stream);
  pinned[0] = 10;  // too early
  EXPECT_EQ(out, (std::vector{-1, -1}));
  stream.synchronise();
  EXPECT_EQ(out, (std::vector{20, 4}));
  buffer.copy_in(pageable, stream);
  pageable[0] = 30;  // of no account: what is not pinned was staged
  const gpu::Stream other(device);
  other.wait_for(stream);
  buffer.copy_out(out, other);
  other.synchronise();
  EXPECT_EQ(out, (std::vector{3, 4}));
}

// A lane that copies pageable memory makes the host wait, and overlaps with nothing.
TEST_P(Simt, ALaneCopiesPinnedMemoryOnly) {
  const gpu::Stream lane(device, gpu::Use::overlap);
  gpu::Pinned<int> pinned(device, 2);
  gpu::Buffer<int> buffer(device, 2);
  std::vector<int> pageable{3, 4};
  buffer.copy_in(pinned.first(2), lane);
  buffer.copy_out(pinned.first(2), lane);
  EXPECT_THROW(buffer.copy_in(pageable, lane), InternalError);
  EXPECT_THROW(buffer.copy_out(pageable, lane), InternalError);
  buffer.copy_in(pageable, stream);
  buffer.copy_out(pageable, stream);
  stream.synchronise();
  EXPECT_EQ(pageable, (std::vector{3, 4}));
}

TEST_P(Simt, LaunchesAreListedWhereSomebodyAsks) {
  std::vector<gpu::LaunchFacts> launches;
  run(no_kernel, {1, 1, 1}, 32, 0);
  stream.list_launches(&launches);
  run(no_kernel, {2, 3, 1}, 64, 128);
  stream.list_launches(nullptr);
  run(no_kernel, {1, 1, 1}, 32, 0);
  ASSERT_EQ(launches.size(), 1u);
  EXPECT_EQ(launches[0].blocks, 6u);
  EXPECT_EQ(launches[0].threads, 64u);
  EXPECT_EQ(launches[0].shared_bytes, 128u);
}

// Two groups of one copy each; the second is still on its way when the first is read.
void copy_kernel(const float* from, float* out, bool waits) {
  float* to = gpu::shared<float>();
  gpu::async_copy16(to, from);
  gpu::async_commit();
  gpu::async_copy16_or_zeros(to + 4, from + 4, false);
  gpu::async_commit();
  if (waits) gpu::async_wait<1>();
  for (int k = 0; k < 8; ++k) out[k] = to[k];
  gpu::async_wait<0>();
  for (int k = 0; k < 8; ++k) out[8 + k] = to[k];
}
TEST_P(Simt, ACopyIsThereOnceItsGroupWasWaitedFor) {
  alignas(16) const float from[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> out(16);
  run(copy_kernel, {1, 1, 1}, 1, 8 * sizeof(float), from, out.data(), true);
  EXPECT_EQ(out[0] + out[3], 5);
  EXPECT_TRUE(std::isnan(out[4]));
  EXPECT_EQ(out[8] + out[11], 5);
  EXPECT_EQ(out[12] + out[15], 0);
  run(copy_kernel, {1, 1, 1}, 1, 8 * sizeof(float), from, out.data(), false);
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[4]));
  simt::set_schedule({.order = GetParam(), .seed = 7, .workers = 1, .waits_short = 1});
  run(copy_kernel, {1, 1, 1}, 1, 8 * sizeof(float), from, out.data(), true);
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[8], 1);
  EXPECT_TRUE(std::isnan(out[12]));
}

void crooked_kernel(const float* from, int by, int past) {
  gpu::async_copy16(gpu::shared<float>() + past, from + by);
}
TEST_P(Simt, ACopyFromOrToAWrongPlaceIsAnError) {
  alignas(16) const float from[8] = {};
  EXPECT_NO_THROW(run(crooked_kernel, {1, 1, 1}, 1, 16, from, 4, 0));
  EXPECT_THROW(run(crooked_kernel, {1, 1, 1}, 1, 16, from, 1, 0), InternalError);
  EXPECT_THROW(run(crooked_kernel, {1, 1, 1}, 1, 32, from, 0, 1), InternalError);
  EXPECT_THROW(run(crooked_kernel, {1, 1, 1}, 1, 16, from, 0, 4), InternalError);
}

INSTANTIATE_TEST_SUITE_P(Orders, Simt, testing::ValuesIn(orders));

TEST(Device, WithoutOneSaysWhy) {
  if (gpu::count_devices() > 0) GTEST_SKIP() << "there is a device";
  EXPECT_FALSE(gpu::why_none().empty());
  EXPECT_THROW((void)gpu::open_cuda_device(0), InputError);
}

}  // namespace
}  // namespace fedfuse
