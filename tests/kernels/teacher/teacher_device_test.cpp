// The teacher on a device: its graph, its epoch in one kernel, what it stores and allocates.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/teacher/teacher_gpu.hpp"
#include "tests/kernels/teacher/teacher_testing.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::teacher {
namespace {

// A graph's warm-up runs before there are parameters: a step of no slots reads and writes nothing
// but its state.
TEST(TeacherKernel, AStepWithoutSlotsTouchesNothing) {
  for (const auto& device : test::fresh_devices())
    for (const bool by_items : {false, true}) {
      const gpu::Stream stream(device);
      gpu::Buffer<GpuState> state(device, 1);
      state.fill_bytes(0, stream);
      GpuNet net;  // of null pointers
      net.at = gpu_layout({2, 67, 4, 2, 4, 4});
      net.by_items = by_items;
      net.groups = 2;
      net.slots = 8;
      net.pairs_a_slot = by_items ? 2 : 1;
      net.items = 67;
      net.count = 0;
      net.state = state.data();
      gpu::on_platform(*device, [&]<class P>(P) { step<P>(net, stream); });
      GpuState after;
      state.copy_out({&after, 1}, stream);
      stream.synchronise();
      EXPECT_EQ(after.batch, 0);
      EXPECT_EQ(after.steps, 0);
    }
}

// A kernel a phase, and an epoch in one kernel: on a CUDA device too, where only the second has
// blocks that wait for each other.
TEST(TeacherKernel, AnEpochInOneKernelHasTheBitsOfItsSteps) {
  for (const auto& shape : shapes_to_test())
    for (const auto& [together, steps] :
         {std::pair("emulated", "emulated-steps"), std::pair("cuda", "cuda-steps")}) {
      const auto& one = variant(together);
      if (!gpu::why_not(one.runs).empty() || !one.serves(Case(shape).problem())) continue;
      EXPECT_TRUE(run(one, shape) == run(variant(steps), shape))
          << together << " " << Case(shape).name();
    }
}

// More steps than a graph holds, in two epochs that are prepared while the other runs; and what is
// stored goes on elsewhere.
void expect_to_go_on(const std::shared_ptr<gpu::Device>& device, Way way) {
  const CaseShape shape{{2, 67, 4, 2, 4, 4}, 2, {false, 1}, true, 0.2, 1e-3};
  const auto two_epochs = [&](bool apart) {
    Case c(shape);
    const auto p = c.problem();
    std::vector<double> losses;
    const auto make = [&] {
      return std::make_unique<OnDevice>(device, p.shape, p.features, p.batching, Rule::adam, p.lr,
                                        way);
    };
    auto trainer = make();
    const auto begin = [&] {
      trainer->set_targets({p.targets, 2});
      trainer->load(p.values, p.m, p.v, p.steps);
    };
    begin();
    std::copy_n(p.order, p.count(), trainer->next_order().data());
    for (int epoch = 0; epoch < 2; ++epoch) {
      trainer->begin_epoch();
      if (!apart) std::reverse_copy(p.order, p.order + p.count(), trainer->next_order().data());
      losses.push_back(trainer->finish_epoch());
      if (!apart || epoch == 1) continue;
      trainer->store(p.values, p.m, p.v, p.steps);
      trainer = make();
      begin();
      std::reverse_copy(p.order, p.order + p.count(), trainer->next_order().data());
    }
    trainer->store(p.values, p.m, p.v, p.steps);
    EXPECT_EQ(c.steps, 7 + 2 * 134);
    EXPECT_LT(losses[1], losses[0]);
    return Result{losses[1], c.values, c.m, c.v, c.steps};
  };
  EXPECT_TRUE(two_epochs(false) == two_epochs(true)) << device->info().name;
}

TEST(TeacherKernel, ManyStepsAndEpochsGoOnFromWhatWasStored) {
  for (const auto& device : test::fresh_devices())
    for (const auto way : {Way::together, Way::steps}) expect_to_go_on(device, way);
}

TEST(TeacherKernel, TellsWhatItAllocates) {
  for (const auto& shape : shapes_to_test()) {
    Case c(shape);
    const auto p = c.problem();
    const auto device = gpu::open_emulated_device();
    const auto rule = shape.adam ? Rule::adam : Rule::sgd;
    OnDevice trainer(device, p.shape, p.features, p.batching, rule, p.lr);
    trainer.set_targets({p.targets, std::size_t(p.groups)});
    EXPECT_EQ(device->high_water_bytes(),
              OnDevice::bytes(p.shape, shape.missing > 0, shape.missing > 0, p.batching, rule))
        << c.name();
  }
}

}  // namespace
}  // namespace fedfuse::teacher
