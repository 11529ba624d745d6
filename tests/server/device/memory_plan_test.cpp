// server/device/memory_plan and choose: what is asked of a device before anything is taken.
#include "server/device/memory_plan.hpp"

#include <gtest/gtest.h>

#include "tests/server/device/device_setting.hpp"

namespace fedfuse {
namespace {

using test::small_device_config, test::tiny;

TEST(MemoryPlan, SaysWhatIsNeededAndWhatIsFree) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  auto config = small_device_config("fedncf", "fedvlr+gfmfr");
  const auto spec = resolve(config);
  EXPECT_EQ(plan_memory(config, spec, data, {}, 0, std::int64_t(1) << 40, "chip").limits.clients,
            data.local_clients());
  // many chunks, as with a million
  const auto plan = [&](std::int64_t free) {
    return plan_memory(config, spec, data, {1000, 2}, 0, free, "chip");
  };
  const auto roomy = plan(std::int64_t(1) << 40);
  EXPECT_TRUE(roomy.stores_uploads);
  EXPECT_TRUE(roomy.state_resident);
  // With less, first the state goes, then the uploads, then the size of a chunk.
  const auto less = plan(roomy.needed() - 1);
  EXPECT_TRUE(less.stores_uploads);
  EXPECT_FALSE(less.state_resident);
  EXPECT_EQ(less.limits.room, roomy.limits.room);
  config.execution.client_state = StateHome::host;
  config.execution.uploads = UploadMode::replay;
  const auto least = plan(std::int64_t(1) << 40), tight = plan(least.needed() - 1);
  EXPECT_FALSE(least.state_resident);
  EXPECT_EQ(least.state_bytes, 0);
  EXPECT_LT(tight.limits.room, least.limits.room);
  EXPECT_LT(tight.needed(), least.needed());
  config.execution.client_state = StateHome::device;
  config.execution.uploads = {};
  EXPECT_TRUE(plan(roomy.needed()).state_resident);
  EXPECT_THROW((void)plan(roomy.state_bytes), InputError);
  try {
    (void)plan_memory(config, spec, data, {}, 0, 1000, "chip");
    FAIL() << "1000 bytes are too few";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find(" bytes are needed, 1000 are free"), std::string::npos)
        << e.what();
  }
}

TEST(Device, CudaWhereThereIsNoneIsBadInput) {
  if (gpu::count_devices() > 0) GTEST_SKIP() << "there is a device";
  Config config;
  config.device.kind = {};
  EXPECT_EQ(resolve_device(config, Comm::self()), DeviceKind::cpu);
  config.device.kind = DeviceKind::cuda;
  EXPECT_THROW((void)resolve_device(config, Comm::self()), InputError);
}

}  // namespace
}  // namespace fedfuse
