// server/device/resident_state and the round around it: where clients' private numbers live decides
// nothing, and a round that fails moves none.
#include <gtest/gtest.h>

#include <cmath>

#include "server/device/device_engine.hpp"
#include "tests/server/device/device_setting.hpp"

namespace fedfuse {
namespace {

using test::device_kinds, test::everybody, test::expect_same_bits, test::open,
    test::small_device_config, test::tiny;

TEST(DeviceState, SameBitsHoweverChunksAreCut) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  const auto local = everybody(data);
  const auto n = std::int64_t(local.size());
  for (const auto& fusion : {"gfmfr", "fedvlr+gfmfr"}) {
    auto config = small_device_config("fcf", fusion);
    config.federation.fraction = 1.0;
    const auto spec = resolve(config);
    const Federation federation(config, data, Comm::self(), 1);
    const auto& start = federation.state();
    const RoundInputs inputs{1, federation.global(), start, {}};
    for (const auto& kind : device_kinds()) {
      std::vector<Matrix<float>> summed;
      ClientState left;
      Matrix<float> heads;
      for (const auto home : {StateHome::host, StateHome::device})
        for (const auto& limits : {ChunkLimits{}, ChunkLimits{60, 3}, ChunkLimits{1, 1}}) {
          const auto what =
              cat(kind, ", ", fusion, ", state on the ", home, ", samples ", limits.samples);
          config.execution.client_state = home;
          DeviceEngine engine(config, spec, data, open(kind), 1, limits);
          EXPECT_EQ(engine.facts().state, home);
          engine.adopt(start);
          Trained trained;
          engine.make_room(spec, n, trained);
          RoundSums sums(spec, data.items, n);
          ASSERT_FALSE(engine.train(local, inputs, trained, sums).any());
          engine.reduce(sums, Comm::self());
          const auto heads_here = trained.theta;  // commit() leaves room only
          auto state = start;
          engine.commit(local, trained, state);
          engine.bring_home(state);
          auto views = spec.rows_trained
                           ? std::vector{sums.aggregated_table(federation.global().views[0],
                                                               config.federation.lr_items_server)}
                           : sums.mean_view_gradients();
          if (summed.empty()) {
            summed = views;
            left = state;
            heads = heads_here;
          }
          EXPECT_FALSE(state == start) << what;
          EXPECT_TRUE(views == summed) << what;
          EXPECT_TRUE(state == left) << what;
          EXPECT_TRUE(heads_here == heads) << what;
        }
    }
  }
}

// A state on the device has the bits of one on the host in every round, for any participants and
// any order of reads.
TEST(DeviceState, SameBitsWhereverTheStateLives) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto& kind : device_kinds())
    for (const auto& [backbone, fusion] : {std::pair{"fedncf", "fedvlr"},
                                           {"fcf", "fedvlr+gfmfr"},
                                           {"pfedrec", "none"},
                                           {"fedrap", "mlp"}}) {
      auto config = small_device_config(backbone, fusion);
      config.device.kind = kind;
      config.execution.client_state = StateHome::host;
      Federation host(config, data, Comm::self(), 1);
      config.execution.client_state = StateHome::device;
      config.execution.uploads = UploadMode::replay;
      Federation device(config, data, Comm::self(), 2);
      EXPECT_EQ(host.engine().facts().state, StateHome::host);
      EXPECT_EQ(device.engine().facts().state, StateHome::device);
      for (int round = 1; round <= 4; ++round) {
        ASSERT_FALSE(host.run_round(round).failed_client);
        ASSERT_FALSE(device.run_round(round).failed_client);
        if (round != 2)
          expect_same_bits(host, device, cat(kind, ": ", backbone, "+", fusion, ", round ", round));
      }
    }
}

// A checkpoint that another hand has been at: client 3's first number is none, or something again.
class Tamper final : public StateVisitor {
 public:
  explicit Tamper(float value) : value_(value) {}
  [[nodiscard]] bool loads() const override { return true; }
  void clients(const std::string& name, std::int64_t width, std::span<float> values) override {
    if (name == "clients/user") values[std::size_t(3 * width)] = value_;
  }
  void clients(const std::string&, std::int64_t, std::span<std::int32_t>) override {}
  void rows(const std::string&, const RowSplit&, std::int64_t, std::span<float>) override {}
  void shared(const std::string&, std::span<float>) override {}
  void shared(const std::string&, std::span<double>) override {}
  void shared(const std::string&, std::span<std::int64_t>) override {}
  void matrix(const std::string&, Matrix<float>&) override {}
  void matrix(const std::string&, Matrix<double>&) override {}
  void text(const std::string&, std::string&) override {}
  void overlay(const std::string&, OverlayStore&) override {}

 private:
  float value_;
};

TEST(DeviceState, ADivergingClientLeavesTheStateBeforeTheRound) {
  const test::SmallData small(tiny());
  const auto data = small.alone();
  for (const auto& kind : device_kinds())
    for (const auto home : {StateHome::host, StateHome::device}) {
      auto config = small_device_config("fedncf", "none");
      config.device.kind = kind;
      config.federation.fraction = 1.0;
      config.execution.client_state = home;
      Federation federation(config, data, Comm::self(), 1);
      ASSERT_FALSE(federation.run_round(1).failed_client);
      const auto global = federation.global();
      const float before = federation.state().user(3, 0);
      Tamper broken(NAN), mended(before);
      federation.visit(broken);
      EXPECT_EQ(federation.run_round(2).failed_client, data.client_ids[3]) << kind << ": " << home;
      EXPECT_TRUE(federation.global() == global) << kind << ": " << home;
      federation.visit(mended);
      Federation undisturbed(config, data, Comm::self(), 1);
      ASSERT_FALSE(undisturbed.run_round(1).failed_client);
      EXPECT_TRUE(federation.state() == undisturbed.state()) << kind << ": " << home;
      ASSERT_FALSE(federation.run_round(2).failed_client);
      ASSERT_FALSE(undisturbed.run_round(2).failed_client);
      expect_same_bits(federation, undisturbed, cat(kind, ": ", home));
    }
}

}  // namespace
}  // namespace fedfuse
