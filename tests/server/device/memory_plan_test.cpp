// server/device/memory_plan and choose: the memory that is planned before any is allocated.
#include "server/device/memory_plan.hpp"

#include <gtest/gtest.h>

#include "clients/state.hpp"
#include "server/device/device_engine.hpp"
#include "tests/server/device/device_setting.hpp"

namespace fedfuse {
namespace {

using test::small_device_config, test::tiny;

TEST(MemoryPlan, SaysWhatIsNeededAndWhatIsFree) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  auto config = small_device_config("fedncf", "fedvlr+gfmfr");
  const auto spec = resolve(config);
  EXPECT_EQ(plan_memory(config, spec, data, {.free_bytes = std::int64_t(1) << 40}).limits.clients,
            data.local_clients());
  // many chunks, as with a million
  const auto plan = [&](std::int64_t free) {
    return plan_memory(config, spec, data,
                       {.limits = {.samples = 1000, .clients = 2}, .free_bytes = free});
  };
  const auto roomy = plan(std::int64_t(1) << 40);
  EXPECT_TRUE(roomy.stores_uploads);
  EXPECT_TRUE(roomy.state_resident);
  // With less, first the state goes, then the uploads, then the size of a chunk.
  const auto less = plan(roomy.needed() - 1);
  EXPECT_TRUE(less.stores_uploads);
  EXPECT_FALSE(less.state_resident);
  EXPECT_EQ(less.limits.samples, roomy.limits.samples);
  config.execution.client_state = StateHome::host;
  config.execution.uploads = UploadMode::replay;
  const auto least = plan(std::int64_t(1) << 40), tight = plan(least.needed() - 1);
  EXPECT_FALSE(least.state_resident);
  EXPECT_EQ(least.state_bytes, 0);
  EXPECT_LT(tight.limits.samples, least.limits.samples);
  EXPECT_LT(tight.needed(), least.needed());
  config.execution.client_state = StateHome::device;
  config.execution.uploads = {};
  EXPECT_TRUE(plan(roomy.needed()).state_resident);
  EXPECT_THROW((void)plan(roomy.state_bytes), InputError);
  try {
    (void)plan_memory(config, spec, data, {.free_bytes = 1000, .device = "chip"});
    FAIL() << "1000 bytes are too few";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find(" bytes are needed, 1000 are free"), std::string::npos)
        << e.what();
  }
}

// The same list of buffers is planned and allocated: to the byte, before and after the first pass.
void expect_planned_is_held(const Config& config, const Dataset& data, const ChunkLimits& limits,
                            const std::string& what) {
  const auto spec = resolve(config);
  const ClientState start = init_client_state(spec, config, data);
  GlobalModel global;
  global.views.assign(std::size_t(spec.views), Matrix<float>(data.items, spec.view_width));
  global.theta.resize(std::size_t(spec.head.theta));
  for (const auto& device : test::fresh_devices()) {
    const ChosenDevice chosen{.device = device, .free_bytes = std::int64_t(device->free_bytes())};
    DeviceEngine engine(config, spec, data, chosen, 1, limits);
    const auto& plan = engine.plan();
    const auto held = plan.engine_bytes + plan.state_bytes + chunks_in_flight * plan.chunk_bytes;
    EXPECT_EQ(device->held_bytes(),
              std::size_t(held + (plan.stores_uploads ? 0 : plan.upload_bytes)))
        << what;
    const auto local = test::everybody(data);
    Trained trained;
    engine.make_room(spec, data.local_clients(), trained);
    RoundSums sums(spec, data.items, data.local_clients());
    (void)engine.train(local, {1, global, start, {}}, trained, sums);
    EXPECT_EQ(device->held_bytes(), std::size_t(held + plan.upload_bytes)) << what << ", trained";
  }
}

TEST(MemoryPlan, IsWhatTheDeviceHolds) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto* backbone : {"fedavg", "fcf", "fedncf", "pfedrec", "fedrap"})
    for (const auto* fusion :
         {"none", "mlp", "gfmfr", "fedvlr", "fedvlr+gfmfr", "group-prior", "mlp+group-prior"})
      for (const auto home : {StateHome::host, StateHome::device})
        for (const auto uploads : {UploadMode::store, UploadMode::replay}) {
          auto config = small_device_config(backbone, fusion);
          config.federation.fraction = 1.0;
          config.execution.client_state = home;
          config.execution.uploads = uploads;
          const bool small_chunks = home == StateHome::host;
          if (small_chunks) {
            config.federation.negatives = Negatives::trained_items;
            config.gfmfr.groups_min = 2;
            config.gfmfr.groups_max = 5;
          }
          const auto limits =
              small_chunks ? ChunkLimits{.samples = 60, .clients = 3} : ChunkLimits{};
          expect_planned_is_held(
              config, data, limits,
              cat(backbone, ", ", fusion, ", state on the ", home, ", uploads ", uploads));
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
