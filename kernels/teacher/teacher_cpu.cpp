// The CPU's variant: an epoch of the network's steps, on the problem's parameters in place.
#include <algorithm>

#include "kernels/teacher/teacher_net.hpp"

namespace fedfuse::teacher {
namespace {

// The pairs of some slots of an order, slot after slot.
void pairs_of_slots(std::span<const std::int32_t> slots, std::int64_t groups, bool by_items,
                    std::vector<Pair>& pairs) {
  const auto G = std::int32_t(groups);
  pairs.clear();
  for (const auto slot : slots)
    if (!by_items)
      pairs.push_back({slot % G, slot / G});
    else
      for (std::int32_t l = 0; l < G; ++l) pairs.push_back({l, slot});
}

}  // namespace

double run_cpu(const Problem& p, Workspace& workspace) {
  auto& [net, pairs] = workspace;
  net.bind(p);
  const std::span order(p.order, std::size_t(p.count()));
  const auto together = std::size_t(p.slots());
  double sum = 0;
  for (std::size_t begin = 0; begin < order.size(); begin += together) {
    pairs_of_slots(order.subspan(begin, std::min(together, order.size() - begin)), p.groups,
                   p.batching.by_items, pairs);
    sum += net.step(pairs) * double(pairs.size());
  }
  return sum / (double(order.size()) * double(p.batching.pairs_a_slot(p.groups)));
}

}  // namespace fedfuse::teacher
