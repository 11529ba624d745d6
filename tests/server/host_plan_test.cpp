// What options need of memory is known before it is asked for, however large they are.
#include "server/host_plan.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

double sum_of(const std::vector<MemoryNeed>& needs) {
  double sum = 0;
  for (const auto& need : needs) {
    EXPECT_GE(need.bytes, 0) << need.option;
    sum += need.bytes;
  }
  return sum;
}

std::string refusal(const Config& config, const Dataset& data, const Comm& comm) {
  try {
    check_host_memory(config, data, 1, comm);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(HostPlan, NamesTheOptionThatNeedsMost) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  const auto config = test::small_config("fcf", "gfmfr");
  EXPECT_EQ(refusal(config, data, world), "");
  const auto says = [&](const auto& change, const char* option) {
    auto changed = config;
    change(changed);
    const auto text = refusal(changed, data, world);
    EXPECT_EQ(text.find(option), 0u) << text;
  };
  constexpr std::int64_t huge = 2147483647;
  says([](Config& c) { c.federation.negatives_per_positive = huge; }, "--negatives-per-positive");
  says([](Config& c) { c.federation.local_epochs = huge; }, "--local-epochs");
  says([](Config& c) { c.gfmfr.group_dim = std::int64_t(1) << 40; }, "--group-dim");
}

TEST(HostPlan, DoesNotWrapAround) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = test::small_config("fcf", "gfmfr");
  const auto usual = sum_of(memory_needs(config, resolve(config), data, 1));
  config.federation.negatives_per_positive = std::int64_t(1) << 62;
  config.federation.local_epochs = std::int64_t(1) << 62;
  EXPECT_GT(sum_of(memory_needs(config, resolve(config), data, 1024)), 1e30);
  EXPECT_LT(usual, 1e8);
}

TEST(Memory, ASumAboveWhatIsFreeIsRefusedOnAllRanks) {
  const auto world = Comm::world();
  const double all = double(available_memory_bytes());
  check_memory_needs({{"--a 1", 1000}, {"--b 2", 2000}}, world);
  try {
    check_memory_needs({{"--a 1", 0.7 * all}, {"--b 2", all}}, world);
    FAIL() << "more than there is";
  } catch (const InputError& e) {
    EXPECT_EQ(std::string(e.what()).find("--b 2 needs"), 0u) << e.what();
  }
}

}  // namespace
}  // namespace fedfuse
