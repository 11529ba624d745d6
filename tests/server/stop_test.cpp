// A round that is stopped on the way never happened, wherever the request comes.
#include <gtest/gtest.h>

#include <atomic>

#include "core/error.hpp"
#include "core/text.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

// Asks to stop from the given question on; counts the questions.
class StopAfter {
 public:
  explicit StopAfter(std::int64_t questions) : left_(questions) {}
  [[nodiscard]] Stop stop() {
    return [this] { return --left_ < 0; };
  }

 private:
  std::atomic<std::int64_t> left_;
};

bool same(const Federation& a, const Federation& b) {
  return a.global() == b.global() && a.state() == b.state() && a.preferences() == b.preferences();
}

void expect_rounds_are_whole(const Config& config, const Dataset& data, const Comm& comm) {
  Federation undisturbed(config, data, comm, 2), stopped(config, data, comm, 2);
  (void)undisturbed.run_round(1);
  (void)stopped.run_round(1);
  std::int64_t times = 0;
  for (std::int64_t after = 0;; after += 3) {
    // one rank alone is asked: all of them leave the round out
    StopAfter counter(comm.rank() == comm.size() - 1 ? after : 1 << 30);
    try {
      (void)stopped.run_round(2, counter.stop());
      break;
    } catch (const Stopped&) {
      ++times;
      ASSERT_TRUE(same(undisturbed, stopped)) << "stopped after " << after << " questions";
    }
  }
  EXPECT_GT(times, 2);
  (void)undisturbed.run_round(2);
  EXPECT_TRUE(same(undisturbed, stopped)) << "the round after it has other bits";
  (void)undisturbed.run_round(3);
  (void)stopped.run_round(3);
  EXPECT_TRUE(same(undisturbed, stopped)) << "the teacher or the views kept something";
}

TEST(Stop, ARoundThatIsStoppedNeverHappened) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto& [backbone, fusion] :
       {std::pair("fcf", "gfmfr"), std::pair("fedrap", "gfmfr"), std::pair("pfedrec", "none"),
        std::pair("fedavg", "fedvlr"), std::pair("fcf", "fedvlr+gfmfr")})
    for (const auto uploads : {UploadMode::store, UploadMode::replay}) {
      SCOPED_TRACE(cat(backbone, " ", fusion, " ", uploads));
      auto config = test::small_config(backbone, fusion);
      config.execution.uploads = uploads;
      config.gfmfr.teacher.epochs = 20;
      if (std::string(backbone) == "fedrap") config.model.personal_init_std = 0.01;
      expect_rounds_are_whole(config, data, world);
    }
}

TEST(Stop, OnAnEmulatedDeviceToo) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = test::small_config("fcf", "gfmfr");
  config.device.kind = DeviceKind::emulated;
  Federation undisturbed(config, data, world, 2), stopped(config, data, world, 2);
  StopAfter at_once(0);
  EXPECT_THROW((void)stopped.run_round(1, at_once.stop()), Stopped);
  (void)undisturbed.run_round(1);
  (void)stopped.run_round(1);
  EXPECT_TRUE(same(undisturbed, stopped));
}

}  // namespace
}  // namespace fedfuse
