#pragma once
// The teacher's network on a CPU with all that it points into.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "kernels/dense/optimizer.hpp"
#include "kernels/teacher/teacher_net.hpp"

namespace fedfuse::test {

inline std::vector<const float*> pointers(const std::vector<Matrix<float>>& targets) {
  std::vector<const float*> all;
  for (const auto& target : targets) all.push_back(target.data());
  return all;
}

// The network with its parameters and its optimizer's state.
struct TestNet {
  teacher::Problem problem;
  teacher::Offsets at;
  Parameters parameters;
  Optimizer optimizer;
  std::vector<const float*> targets;
  teacher::Net net;

  TestNet(const Dataset& data, std::int64_t groups, std::int64_t d, std::int64_t d_group,
          OptimizerKind kind, double lr, const std::vector<Matrix<float>>& towards) {
    const auto values = [](const Matrix<float>& m) { return m.cols > 0 ? m.data() : nullptr; };
    problem.shape = {groups, data.items, d, d_group, data.text.cols, data.image.cols};
    problem.features = {values(data.text), values(data.image), data.has_text.data(),
                        data.has_image.data()};
    parameters = teacher::declare(problem.shape, at);
    optimizer = Optimizer(kind, lr, parameters.values.size());
    targets = pointers(towards);
    problem.groups = std::int64_t(targets.size());
    problem.targets = targets.data();
    problem.adam = kind == OptimizerKind::adam;
    problem.lr = lr;
    problem.values = parameters.values.data();
    const auto state = optimizer.state();
    problem.m = state.m;
    problem.v = state.v;
    problem.steps = state.steps;
    net.bind(problem);
  }
  TestNet(const TestNet&) = delete;  // the problem points into it
  TestNet& operator=(const TestNet&) = delete;
  ~TestNet() = default;
  std::map<std::string, std::span<float>> named() {
    std::map<std::string, std::span<float>> names;
    name_parameters(names, parameters, optimizer);
    return names;
  }
};

}  // namespace fedfuse::test
