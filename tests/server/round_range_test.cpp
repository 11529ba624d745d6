// server/round: rounds whose updates are beyond 2^10. The range of the sums rises, is part of the
// state, and no bit depends on ranks, threads, uploads or restarts.
#include <gtest/gtest.h>

#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/server/state_copy.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::small_config;
using test::StateCopy;

constexpr int rounds = 3;

// Rates with which numbers of a kind leave 2^10.
struct Setting {
  const char *backbone, *fusion;
  double lr, lr_items;
  SumKind kind;
};
const std::vector<Setting> settings{
    {"fcf", "none", 0.02, 3e4, SumKind::rows},
    {"pfedrec", "none", 0.02, 3e4, SumKind::losses},
    {"fcf", "gfmfr", 0.02, 1e4, SumKind::rows},
    {"fedavg", "none", 3e4, 0.02, SumKind::head},
    {"fedavg", "mlp", 3e4, 0.02, SumKind::head},
    {"fcf", "mlp+gfmfr", 0.02, 1e6, SumKind::group_rows},
    {"fcf", "gfmfr", 3e4, 0.02, SumKind::group_heads},
};

Config config_of(const Setting& s, DeviceKind device, UploadMode uploads) {
  auto config = small_config(s.backbone, s.fusion);
  config.federation.weight_decay = 0;
  config.federation.item_update = ItemUpdate::mean;
  config.federation.lr = s.lr;
  config.federation.lr_items = s.lr_items;
  config.device.kind = device;
  config.execution.uploads = uploads;
  return config;
}

TEST(RoundRange, SameBitsForAnyRanksThreadsUploadsAndRestarts) {
  const auto world = Comm::world(), self = Comm::self();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  bool later = false;
  for (const auto& s : settings)
    for (const auto device : {DeviceKind::cpu, DeviceKind::emulated}) {
      const auto what = cat(s.backbone, " ", s.fusion, " ", words_for(s.kind), " on ", device);
      Federation whole(config_of(s, device, UploadMode::store), alone, self, 1);
      const auto config = config_of(s, device, UploadMode::replay);
      auto resumed = std::make_unique<Federation>(config, shared, world, 2);
      for (int round = 1; round <= rounds; ++round) {
        const auto report = whole.run_round(round);
        ASSERT_FALSE(report.failed_client) << what;
        later = later || (round > 1 && !report.rises.empty());
        StateCopy checkpoint(*resumed);
        resumed = std::make_unique<Federation>(config, shared, world, 2);
        checkpoint.restore_to(*resumed);
        const auto again = resumed->run_round(round);
        ASSERT_FALSE(again.failed_client) << what;
        ASSERT_EQ(again.rises.size(), report.rises.size()) << what << ", round " << round;
        ASSERT_TRUE(resumed->global() == whole.global()) << what << ", round " << round;
        ASSERT_EQ(resumed->preferences(), whole.preferences()) << what << ", round " << round;
        ASSERT_TRUE(resumed->sum_ranges() == whole.sum_ranges()) << what << ", round " << round;
        ASSERT_EQ(again.loss, report.loss) << what << ", round " << round;
      }
      EXPECT_GT(whole.sum_ranges().log2(s.kind), SumRanges::least) << what;
    }
  EXPECT_TRUE(later) << "no range rises after the first round";
}

// With ranges that were raised before, a round has the bits of one that raises them.
TEST(RoundRange, ARoundThatIsDoneAgainIsThatOfTheLargerRange) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const auto& s : settings) {
    const auto config = config_of(s, DeviceKind::cpu, UploadMode::store);
    Federation first(config, data, Comm::self(), 1), second(config, data, Comm::self(), 1);
    StateCopy start(second);
    ASSERT_FALSE(first.run_round(1).rises.empty()) << s.backbone << s.fusion;
    StateCopy after(first);
    std::ranges::copy(after.numbers("server/sum_ranges"),
                      start.numbers("server/sum_ranges").begin());
    start.restore_to(second);
    EXPECT_TRUE(second.run_round(1).rises.empty());
    EXPECT_TRUE(StateCopy(first) == StateCopy(second)) << s.backbone << s.fusion;
  }
}

// ... and the state is that before a round that no range takes.
TEST(RoundRange, AnUpdateBeyondEveryRangeLeavesTheState) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto device : {DeviceKind::cpu, DeviceKind::emulated}) {
    const auto config =
        config_of({"fcf", "none", 0.02, 1e18, SumKind::rows}, device, UploadMode::store);
    Federation federation(config, data, world, 1);
    StateCopy before(federation);
    const auto report = federation.run_round(1);
    ASSERT_TRUE(report.failed_client) << device;
    EXPECT_EQ(report.too_large_kind, SumKind::rows) << device;
    EXPECT_GE(report.too_large, 0x1p40) << device;
    EXPECT_TRUE(StateCopy(federation) == before) << device;
  }
}

TEST(RoundRange, ACheckpointWithoutRangesHasTheLeast) {
  const test::SmallData small;
  const auto data = small.alone();
  const auto config = config_of(settings.front(), DeviceKind::cpu, UploadMode::store);
  Federation federation(config, data, Comm::self(), 1);
  ASSERT_FALSE(federation.run_round(1).failed_client);
  StateCopy copy(federation);
  for (const std::int64_t wrong : {-3, 9, 41, 1000}) {
    StateCopy damaged(federation);
    damaged.numbers("server/sum_ranges")[1] = wrong;
    Federation other(config, data, Comm::self(), 1);
    EXPECT_THROW(damaged.restore_to(other), InputError) << wrong;
  }
  copy.forget("server/sum_ranges");
  copy.restore_to(federation);
  EXPECT_EQ(federation.sum_ranges().largest_log2(), SumRanges::least);
}

}  // namespace
}  // namespace fedfuse
