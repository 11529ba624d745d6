// GFMFR's server fusion on a device, whose kernels are those of a GPU, against the host's.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/server/planted_teacher.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using namespace test;

// The same batches, so the same loss and parameters within rounding; preferences too, from
// half-precision features where the tensor cores take the shape.
void expect_near_the_host(const Planted& planted, const std::shared_ptr<gpu::Device>& device,
                          std::int64_t groups, double near) {
  const auto spec = resolve(planted.config);
  GroupTeacher host(planted.config, spec, planted.data),
      other(planted.config, spec, planted.data, device);
  const std::vector<Matrix<float>> targets(planted.targets.begin(),
                                           planted.targets.begin() + groups);
  for (int round = 1; round <= 2; ++round) {
    const double a = host.train(targets, round, Comm::self()),
                 b = other.train(targets, round, Comm::self());
    EXPECT_NEAR(a, b, 1e-4 * a);
  }
  const auto theirs = host.parameters();
  for (const auto& [name, values] : other.parameters())
    expect_near(values, Values(theirs.at(name).begin(), theirs.at(name).end()), 2e-3, name);
  const auto w = matrix_of(std::size_t(groups),
                           random_values(std::size_t(groups * planted.config.model.dim), 0.5, 90));
  const std::vector<float> b(std::size_t(groups), 0.1f);
  const auto pref = host.preference(w, b, Comm::self()),
             device_pref = other.preference(w, b, Comm::self());
  ASSERT_EQ(device_pref.size(), pref.size());
  for (std::size_t k = 0; k < pref.size(); ++k)
    ASSERT_NEAR(device_pref.values[k], pref.values[k], near) << k;
}

TEST(DeviceTeacher, OnADeviceItLearnsTheSame) {
  Planted narrow(31), wide(21, 3, 32);  // d = 16: preferences on the host; d = 32: on the device
  for (auto* planted : {&narrow, &wide}) planted->config.gfmfr.teacher.epochs = 2;
  for (const auto& device : fresh_devices())
    for (const auto batches : {TeacherBatches::items, TeacherBatches::pairs})
      for (const auto optimizer : {OptimizerKind::adam, OptimizerKind::sgd})
        for (auto* planted : {&narrow, &wide}) {
          planted->config.gfmfr.teacher.batches = batches;
          planted->config.gfmfr.teacher.optimizer = optimizer;
          expect_near_the_host(*planted, device, optimizer == OptimizerKind::adam ? 3 : 2,
                               planted->config.model.dim == 32 ? 1e-3 : 1e-4);
        }
}

// Every rank does all of it; a run that goes on from the parameters keeps its bits.
TEST(DeviceTeacher, OnADeviceRanksAndRestartsDoNotChangeABit) {
  Planted planted(21, 3, 32);
  planted.config.gfmfr.teacher.epochs = 2;
  for (const auto& device : fresh_devices()) {
    const auto alone = trained(planted, Comm::self(), 1, device);
    EXPECT_EQ(trained(planted, Comm::world(), 2, device), alone);
    EXPECT_NE(trained(planted, Comm::self(), 1, nullptr), alone);
    const auto spec = resolve(planted.config);
    GroupTeacher first(planted.config, spec, planted.data, device),
        second(planted.config, spec, planted.data, device);
    first.train(planted.targets, 1, Comm::self());
    for (auto& [name, values] : second.parameters())
      std::ranges::copy(first.parameters().at(name), values.begin());
    EXPECT_EQ(first.train(planted.targets, 2, Comm::self()),
              second.train(planted.targets, 2, Comm::self()));
    const auto theirs = first.parameters();
    for (const auto& [name, values] : second.parameters())
      EXPECT_TRUE(std::ranges::equal(values, theirs.at(name))) << name;
  }
}

// Group sums of the host, and the same sums on a device.
struct TwoSums {
  GroupSums on_host, on_device;
  gpu::Buffer<std::int64_t> rows;
  std::vector<gpu::Buffer<float>> views;

  TwoSums(const ModelSpec& spec, const GlobalModel& global, const std::vector<std::int64_t>& sizes,
          const std::shared_ptr<gpu::Device>& device)
      : on_host(spec, global.views[0].rows, sizes),
        on_device(spec, global.views[0].rows, sizes, {}, {}, {}, GroupSums::Rows::on_device) {
    const auto M = global.views[0].rows, width = global.views[0].cols;
    std::vector<std::int32_t> ids(static_cast<std::size_t>(M));
    std::iota(ids.begin(), ids.end(), 0);
    const std::array<float, 3> omega{0.5f, 0.25f, 0.25f};
    const auto theta = random_values(std::size_t(spec.head.theta), 0.5, 31);
    const std::vector<float> head(theta.begin(), theta.end());
    std::vector<std::int64_t> words;
    for (std::size_t l = 0; l < sizes.size(); ++l) {
      std::vector<std::int64_t> sum(std::size_t(M * width));
      for (std::int64_t member = 0; member < sizes[l]; ++member) {
        const auto values = random_values(sum.size(), 0.3, 40 + 7 * l + std::size_t(member));
        const std::vector<float> x(values.begin(), values.end());
        const auto group = std::int32_t(l);
        EXPECT_TRUE(on_host.add(group, {ids, x.data(), nullptr, 0.75f}, head, omega.data()));
        GroupSums::Numbers numbers(on_device);
        EXPECT_TRUE(numbers.add(group, 0.75f, head, omega.data()));
        on_device.add(numbers);
        for (std::size_t k = 0; k < sum.size(); ++k)
          sum[k] += on_host.fixed(l).encode(double(x[k]));
      }
      words.insert(words.end(), sum.begin(), sum.end());
    }
    const gpu::Stream stream(device);
    rows = gpu::to_device(stream, std::span<const std::int64_t>(words));
    GroupSums::OnDevice there{.rows = rows.data()};
    for (std::size_t j = 0; j < global.views.size(); ++j) {
      views.push_back(gpu::to_device(stream, global.views[j].span()));
      there.view[j] = views[j].data();
    }
    on_device.stay(there);
  }
};

// Group 1 has no member in the round.
TEST(DeviceTeacher, TargetsMadeOnTheDeviceTeachWhatTheHostsDo) {
  for (const std::string fusion : {"gfmfr", "fedvlr+gfmfr"})
    for (const auto& device : fresh_devices()) {
      Planted planted(21, 3, 32);
      planted.config.model.fusion = fusion;
      planted.config.gfmfr.teacher.epochs = 1;
      const auto spec = resolve(planted.config);
      GlobalModel global;
      for (int j = 0; j < spec.views; ++j)
        global.views.push_back(matrix_of(21, random_values(21 * 32, 0.5, 60 + std::uint64_t(j))));
      global.theta.assign(std::size_t(spec.head.theta), 0.25f);
      const TwoSums sums(spec, global, {3, 0, 2}, device);
      GroupTeacher one(planted.config, spec, planted.data, device),
          other(planted.config, spec, planted.data, device);
      const auto from_host = one.teach(sums.on_host, global, 1, Comm::self(), {}),
                 from_device = other.teach(sums.on_device, global, 1, Comm::self(), {});
      EXPECT_EQ(from_device.loss, from_host.loss) << fusion;
      EXPECT_EQ(from_device.preferences, from_host.preferences) << fusion;
    }
}

// Half precision ends at 65,504: preferences are the host's then, with the host's bits where the
// parameters are the same.
TEST(DeviceTeacher, FeaturesBeyondHalfPrecisionArePreferredOnTheHost) {
  Planted planted(21, 3, 32);
  planted.data.text(2, 3) = 70000.0f;
  planted.data.has_text[2] = 1;
  GroupTeacher host(planted.config, resolve(planted.config), planted.data),
      other(planted.config, resolve(planted.config), planted.data, fresh_devices().front());
  const Matrix<float> w(3, 32, 0.1f);
  const std::vector<float> b(3, 0.0f);
  EXPECT_EQ(host.preference(w, b, Comm::self()), other.preference(w, b, Comm::self()));
}

}  // namespace
}  // namespace fedfuse
