// core/gpu/nccl_reducer over stand-ins for NCCL: sums are MPI's, and whatever breaks, no rank is
// left hanging.
#include <gtest/gtest.h>

#ifndef FEDFUSE_HAVE_NCCL

TEST(Nccl, IsTested) { GTEST_SKIP() << "built without NCCL's header, in which its types stand"; }

#else

#include <vector>

#include "core/rng.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "tests/support/nccl_stand_in.hpp"

namespace fedfuse {
namespace {

using test::Fault;
using test::NcclStandIn;

constexpr gpu::NcclLimits quick{.connect = 0.3, .abort = 0.2};
const std::string over_mpi = "mpi over pinned host memory: ";

class Nccl : public testing::Test {
 protected:
  // all are here, and MPI works
  void TearDown() override { EXPECT_EQ(world_.sum(std::int64_t(1)), world_.size()); }
  [[nodiscard]] bool i_am(int rank) const { return world_.rank() == rank; }
  gpu::ChosenReducer choose() {
    return gpu::choose_nccl(NcclStandIn::calls(), device_, world_, quick);
  }
  // All ranks fall back, and say the same.
  void expect_fallback(NcclStandIn& nccl, const std::string& why) {
    const double start = now_seconds();
    const auto chosen = choose();
    EXPECT_LT(now_seconds() - start, 10);
    EXPECT_EQ(chosen.reducer, nullptr);
    EXPECT_EQ(chosen.name, over_mpi + "NCCL failed: " + why);
    EXPECT_EQ(nccl.aborted(), nccl.made());
    EXPECT_EQ(nccl.destroyed(), 0);
    EXPECT_EQ(nccl.misused(), 0);
  }
  Comm world_ = Comm::world();
  std::shared_ptr<gpu::Device> device_ = gpu::open_emulated_device();
};

TEST_F(Nccl, SumsAreMpis) {
  constexpr std::size_t count = 1000, sums = 3;
  NcclStandIn nccl(device_, world_);
  {
    const auto chosen = choose();
    ASSERT_NE(chosen.reducer, nullptr) << chosen.name;
    EXPECT_EQ(chosen.name, "nccl");
    const Rng rng(5, Purpose::test);
    std::vector<std::int64_t> words(sums * count);
    for (std::size_t i = 0; i < words.size(); ++i)
      words[i] =
          std::int64_t(rng.bits(i, std::uint32_t(world_.rank()), 0) >> 4) - (std::int64_t(1) << 59);
    const gpu::Stream adding(device_), copying(device_);
    const auto on_device = gpu::to_device(adding, std::span<const std::int64_t>(words));
    std::vector<std::int64_t> got(words.size());
    for (std::size_t s = 0; s < sums; ++s) {
      chosen.reducer->sum(on_device.data() + s * count, count, adding);
      copying.wait_for(adding);
      on_device.copy_out(std::span(got).subspan(s * count, count), copying, s * count);
    }
    chosen.reducer->wait(copying);
    world_.sum(words);
    EXPECT_EQ(got, words);
  }
  EXPECT_EQ(nccl.made(), 1);
  EXPECT_EQ(nccl.destroyed(), 1);
  EXPECT_EQ(nccl.aborted(), 0);
  EXPECT_EQ(nccl.misused(), 0);
}

TEST_F(Nccl, OneRankThatCannotConnectSendsAllToMpi) {
  for (const auto fault : {Fault::init_refused, Fault::init_fails, Fault::init_echoes})
    for (int rank = 0; rank < world_.size(); ++rank) {
      NcclStandIn nccl(device_, world_, fault, rank);
      expect_fallback(nccl, cat("rank ", rank, ": ncclCommInitRankConfig: cuda is broken"));
    }
}

TEST_F(Nccl, ADeadlineEndsWhatNeverConnects) {
  for (int rank = 0; rank < world_.size(); ++rank) {
    NcclStandIn nccl(device_, world_, Fault::init_never_ends, rank);
    expect_fallback(nccl, cat("rank ", rank, ": ncclCommInitRankConfig did not end within 0.3 s"));
  }
  NcclStandIn nccl(device_, world_, Fault::init_never_ends);
  expect_fallback(nccl, "rank 0: ncclCommInitRankConfig did not end within 0.3 s");
}

TEST_F(Nccl, AFirstSumProvesIt) {
  for (int rank = 0; rank < world_.size(); ++rank) {
    NcclStandIn nccl(device_, world_, Fault::trial_wrong, rank);
    expect_fallback(nccl, cat("rank ", rank, ": a first ncclAllReduce gave a wrong sum"));
  }
  NcclStandIn nccl(device_, world_, Fault::trial_never_ends);
  expect_fallback(nccl, "rank 0: a first ncclAllReduce did not end within 0.3 s");
}

TEST_F(Nccl, AnAbortThatNeverComesBackIsLeft) {
  NcclStandIn nccl(device_, world_, Fault::init_never_ends);
  nccl.let_aborts_hang();
  expect_fallback(nccl, "rank 0: ncclCommInitRankConfig did not end within 0.3 s");
}

TEST_F(Nccl, ALibraryThatOneRankLacksIsNotUsed) {
  const NcclStandIn nccl(device_, world_);
  auto calls = NcclStandIn::calls();
  if (i_am(world_.size() - 1)) calls = {.refused = "it is older than 2.14"};
  const auto chosen = gpu::choose_nccl(calls, device_, world_, quick);
  EXPECT_EQ(chosen.reducer, nullptr);
  EXPECT_EQ(chosen.name, cat(over_mpi, "rank ", world_.size() - 1, ": it is older than 2.14"));
  EXPECT_EQ(nccl.made(), 0);
}

template <class Work>
std::string error_of(Work&& work) {
  try {
    work();
  } catch (const InternalError& e) {
    return e.what();
  }
  return "";
}

// The other ranks see nothing. What ends them in a program: tests/app, Ranks.
TEST_F(Nccl, AnErrorDuringASumComesOutOfTheWait) {
  for (int rank = 0; rank < world_.size(); ++rank) {
    NcclStandIn nccl(device_, world_, Fault::sum_breaks, rank);
    auto chosen = choose();
    ASSERT_NE(chosen.reducer, nullptr) << chosen.name;
    const gpu::Stream stream(device_);
    const gpu::Buffer<std::int64_t> words(device_, 8);
    chosen.reducer->sum(words.data(), words.size(), stream);
    if (i_am(rank)) {
      const auto said = error_of([&] { chosen.reducer->wait(stream); });
      EXPECT_NE(said.find(cat("ncclAllReduce, while it was waited for on rank ", rank,
                              ": a link is broken")),
                std::string::npos)
          << said;
      EXPECT_EQ(nccl.aborted(), 1);
      EXPECT_NE(error_of([&] { chosen.reducer->sum(words.data(), 1, stream); }).find("is no more"),
                std::string::npos);
      EXPECT_NE(error_of([&] { chosen.reducer->wait(stream); }).find("is no more"),
                std::string::npos);
    }
    chosen.reducer = nullptr;  // elsewhere the sum is under way for ever
    EXPECT_EQ(nccl.aborted(), 1);
    EXPECT_EQ(nccl.destroyed(), 0);
    EXPECT_EQ(nccl.misused(), 0);
  }
}

TEST_F(Nccl, ASumThatIsRefusedIsAnError) {
  const NcclStandIn nccl(device_, world_, Fault::sum_refused);
  const auto chosen = choose();
  ASSERT_NE(chosen.reducer, nullptr) << chosen.name;
  const gpu::Stream stream(device_);
  const gpu::Buffer<std::int64_t> words(device_, 8);
  const auto said = error_of([&] { chosen.reducer->sum(words.data(), words.size(), stream); });
  EXPECT_NE(said.find(cat("ncclAllReduce on rank ", world_.rank(), ": a link is broken")),
            std::string::npos)
      << said;
  EXPECT_EQ(nccl.aborted(), 1);
}

TEST_F(Nccl, AnotherErrorAborts) {
  const NcclStandIn nccl(device_, world_);
  const auto said = error_of([&] {
    const auto chosen = choose();
    ASSERT_NE(chosen.reducer, nullptr) << chosen.name;
    throw InternalError("of something else");
  });
  EXPECT_EQ(said, "of something else");
  EXPECT_EQ(nccl.aborted(), 1);
  EXPECT_EQ(nccl.destroyed(), 0);
  EXPECT_EQ(nccl.misused(), 0);
}

// NCCL itself, where it can be loaded: without a device it can only fail.
TEST_F(Nccl, TheRealLibraryWithoutADevice) {
  const auto calls = gpu::load_nccl();
  if (world_.max(std::int64_t(calls.refused.empty() ? 0 : 1)) > 0)
    GTEST_SKIP() << "its library is not on every rank: " << calls.refused;
  if (world_.max(std::int64_t(gpu::count_devices())) > 0) GTEST_SKIP() << "there is a device";
  const auto chosen = gpu::choose_nccl(calls, device_, world_, {.connect = 20, .abort = 5});
  EXPECT_EQ(chosen.reducer, nullptr);
  EXPECT_TRUE(chosen.name.starts_with(over_mpi + "NCCL failed: rank ")) << chosen.name;
}

}  // namespace
}  // namespace fedfuse
#endif
