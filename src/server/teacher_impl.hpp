#pragma once
// Inside GroupTeacher.
#include <memory>
#include <span>
#include <vector>

#include "server/device/device_teacher.hpp"
#include "server/teacher.hpp"
#include "server/teacher_problem.hpp"
#include "server/teacher_start.hpp"

namespace fedfuse {

// C_l of each group: in host memory, or made of sums that stay on the device.
struct GroupTeacher::Targets {
  std::int64_t groups = 0;
  std::vector<const float*> tables{};
  const GroupSums* on_device = nullptr;
};

struct GroupTeacher::Impl {
  Config config;
  Kernels kernels;
  teacher::Shape shape;
  teacher::Features features;
  teacher::Batching batching;
  teacher::Offsets at;
  Parameters parameters;
  Optimizer optimizer;
  teacher::Workspace workspace;
  std::vector<std::vector<float>> before;  // of train()
  std::unique_ptr<DeviceTeacher> device;   // null: on the host
  double flops = 0;

  Impl(const Config& c, const ModelSpec& spec, const Dataset& data,
       const std::shared_ptr<gpu::Device>& on, const Kernels& on_cpu)
      : config(c),
        kernels(on_cpu),
        shape(sizes_of(c.gfmfr, spec, data)),
        features(features_of(data)),
        batching(batching_of(c.gfmfr.teacher)),
        parameters(teacher::declare(shape, at)),
        optimizer(c.gfmfr.teacher.optimizer, c.gfmfr.teacher.lr, parameters.values.size()) {
    teacher::initialise(parameters, c.federation.seed);
    if (on != nullptr && trains_on(*on, c, spec, data))
      device = std::make_unique<DeviceTeacher>(on, shape, problem_of(shape, features), batching,
                                               c.gfmfr.teacher.optimizer == OptimizerKind::adam,
                                               c.gfmfr.teacher.lr);
  }
  // of an epoch, without its order
  // All that training changes; a copy of it in `before`.
  [[nodiscard]] std::vector<std::span<float>> trained();
  void save();
  [[nodiscard]] teacher::Problem epoch(const Targets& targets);
  double train(const Targets& targets, std::int64_t round, const Stop& stop);
  double train_full(const Targets& targets, const Comm& comm, const Stop& stop);
  // without groups and output
  [[nodiscard]] preference::Problem problem(std::int64_t first, std::int64_t count) const;
};

}  // namespace fedfuse
