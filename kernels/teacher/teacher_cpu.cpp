// The CPU's variant: an epoch of the network's steps.
#include <algorithm>

#include "kernels/teacher/teacher_net.hpp"

namespace fedfuse::teacher {

void pairs_of_slots(std::span<const std::int32_t> slots, std::int64_t groups, bool by_items,
                    std::vector<TeacherPair>& pairs) {
  const auto G = std::int32_t(groups);
  pairs.clear();
  for (const auto slot : slots)
    if (!by_items)
      pairs.push_back({slot % G, slot / G});
    else
      for (std::int32_t l = 0; l < G; ++l) pairs.push_back({l, slot});
}

double train_epoch(TeacherNet& net, std::span<const std::int32_t> order, TeacherTargets targets,
                   const Batching& batching, std::vector<TeacherPair>& pairs) {
  const auto groups = std::int64_t(targets.size());
  const auto together = std::size_t(batching.slots(groups));
  double sum = 0;
  for (std::size_t begin = 0; begin < order.size(); begin += together) {
    pairs_of_slots(order.subspan(begin, std::min(together, order.size() - begin)), groups,
                   batching.by_items, pairs);
    sum += net.step(pairs, targets) * double(pairs.size());
  }
  return sum / (double(order.size()) * double(batching.pairs_a_slot(groups)));
}

double run_cpu(const Problem& p) {
  TeacherNet net(p.shape, p.features, p.adam ? "adam" : "sgd", p.lr);
  auto& optimizer = net.optimizer();
  const auto exchange = [&](std::span<float> mine, float* theirs, bool in) {
    if (in)
      std::copy_n(theirs, mine.size(), mine.data());
    else
      std::copy_n(mine.data(), mine.size(), theirs);
  };
  std::vector<TeacherPair> pairs;
  double loss = 0;
  for (const bool in : {true, false}) {
    exchange(net.parameters().values, p.values, in);
    if (p.adam) {
      exchange(optimizer.first_moment(), p.m, in);
      exchange(optimizer.second_moment(), p.v, in);
      exchange(optimizer.steps(), p.steps, in);
    }
    if (in)
      loss = train_epoch(net, {p.order, std::size_t(p.count())}, {p.targets, std::size_t(p.groups)},
                         p.batching, pairs);
  }
  return loss;
}

}  // namespace fedfuse::teacher
