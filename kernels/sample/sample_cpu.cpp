#include <algorithm>
#include <numeric>

#include "kernels/sample/variants.hpp"

namespace fedfuse::sample {
namespace {

bool excluded(const Rules& rules, const Client& client, std::int32_t item) {
  if (std::ranges::binary_search(client.positives, item)) return true;
  return rules.spare_held_out && (item == client.valid || item == client.test);
}

void draw_negatives(const Rules& rules, const Client& client, std::uint32_t round,
                    std::vector<std::int32_t>& items) {
  const auto positives = std::int64_t(client.positives.size());
  const std::int64_t held_out = rules.spare_held_out ? (client.valid >= 0) + (client.test >= 0) : 0;
  if (rules.pool() <= positives + held_out) return;  // nothing is left to be a negative
  RngStream stream(rules.negatives, std::uint64_t(client.id), round);
  for (std::int64_t k = positives * rules.per_positive; k > 0;) {
    auto item = std::int32_t(stream.below(std::uint32_t(rules.pool())));
    if (!rules.listed.empty()) item = rules.listed[std::size_t(item)];
    if (excluded(rules, client, item)) continue;
    items.push_back(item);
    --k;
  }
}

}  // namespace

void draw_cpu(const Rules& rules, const Client& client, std::uint32_t round, Samples& out) {
  auto& items = out.items;
  items.assign(client.positives.begin(), client.positives.end());
  draw_negatives(rules, client, round, items);
  const std::size_t n = items.size(), total = n * std::size_t(rules.epochs);
  out.distinct_entries = std::int64_t(n);

  auto& entry_slot = out.entry_slot;
  entry_slot.assign(items.begin(), items.end());
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  out.slot_of_item.resize(std::size_t(rules.items));
  for (std::size_t s = 0; s < items.size(); ++s)
    out.slot_of_item[std::size_t(items[s])] = std::int32_t(s);
  for (auto& item : entry_slot) item = out.slot_of_item[std::size_t(item)];

  out.slot.resize(total);
  out.label.resize(total);
  out.order.resize(n);
  for (std::int64_t epoch = 0; epoch < rules.epochs; ++epoch) {
    auto& order = out.order;
    std::iota(order.begin(), order.end(), 0);
    RngStream stream(rules.shuffle, std::uint64_t(client.id) | std::uint64_t(epoch) << 32, round);
    for (std::size_t i = n; i > 1; --i)
      std::swap(order[i - 1], order[stream.below(std::uint32_t(i))]);
    const std::size_t base = std::size_t(epoch) * n;
    for (std::size_t i = 0; i < n; ++i) {
      const auto entry = std::size_t(order[i]);
      out.slot[base + i] = entry_slot[entry];
      out.label[base + i] = entry < client.positives.size() ? 1.0f : 0.0f;
    }
  }
  place_steps(rules, std::int64_t(n), out.begin);
}

}  // namespace fedfuse::sample
