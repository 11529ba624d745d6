#include "evaluation/protocol.hpp"

#include <algorithm>
#include <unordered_set>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

// Counters of Purpose::evaluation: "round" 0 draws clients, 1 draws candidates.
constexpr std::uint32_t draw_clients = 0, draw_candidates = 1;

struct Key {
  std::uint64_t key;
  std::int64_t client;
  auto operator<=>(const Key&) const = default;
};

void keep_smallest(std::vector<Key>& keys, std::size_t n) {
  if (keys.size() <= n) return;
  std::ranges::nth_element(keys, keys.begin() + std::ptrdiff_t(n));
  keys.resize(n);
}

// Clears the held-out items of all but the n clients with the smallest keys.
void keep_sample(const Dataset& data, std::vector<Held>& held, const EvaluationProtocol& protocol,
                 const Comm& comm) {
  const Rng rng(protocol.seed, Purpose::evaluation);
  const auto key = [&](std::size_t u) {
    return Key{rng.bits(std::uint64_t(data.client_ids[u]), draw_clients, 0), data.client_ids[u]};
  };
  const auto n = std::size_t(protocol.clients);
  std::vector<Key> keys;
  for (std::size_t u = 0; u < held.size(); ++u)
    if (held[u].any()) keys.push_back(key(u));
  keep_smallest(keys, n);
  keys = comm.all_gather<Key>(keys);
  keep_smallest(keys, n);
  if (keys.size() < n) return;
  const Key last = *std::ranges::max_element(keys);
  for (std::size_t u = 0; u < held.size(); ++u)
    if (held[u].any() && last < key(u)) held[u] = {};
}

// Removes held-out items that are in no training set; returns how many there were on this rank.
std::int64_t skip_cold(const Dataset& data, std::vector<Held>& held) {
  std::int64_t skipped = 0;
  const auto skip = [&](std::int32_t& item) {
    if (item < 0 || data.popularity[std::size_t(item)] > 0) return;
    item = -1;
    ++skipped;
  };
  for (auto& h : held) {
    skip(h.valid);
    skip(h.test);
  }
  return skipped;
}

// Items outside P_u, both held-out items and the excluded ones: a test for one item.
class Forbidden {
 public:
  Forbidden(const Dataset& data, const Schedule& plan, std::int64_t local)
      : positives_(data.positives(local)),
        excluded_(plan.excluded),
        valid_(data.valid[std::size_t(local)]),
        test_(data.test[std::size_t(local)]) {}
  [[nodiscard]] bool operator()(std::int32_t item) const {
    return item == valid_ || item == test_ || std::ranges::binary_search(positives_, item) ||
           std::ranges::binary_search(excluded_, item);
  }
  [[nodiscard]] std::int64_t at_most() const {
    return std::int64_t(positives_.size() + excluded_.size()) + 2;
  }

 private:
  std::span<const std::int32_t> positives_, excluded_;
  std::int32_t valid_, test_;
};

}  // namespace

EvaluationProtocol evaluation_protocol(const EvaluationOptions& options, std::uint64_t seed) {
  EvaluationProtocol p;
  p.seed = seed;
  p.clients = options.clients;
  p.sampled_candidates = options.candidates.number;
  p.exclude_cold = options.cold_items == ColdItems::exclude;
  return p;
}

Schedule schedule(const Dataset& data, const EvaluationProtocol& protocol, const Comm& comm) {
  Schedule plan;
  for (std::int64_t u = 0; u < data.local_clients(); ++u)
    plan.held.push_back({data.valid[std::size_t(u)], data.test[std::size_t(u)]});
  if (protocol.clients > 0) keep_sample(data, plan.held, protocol, comm);
  if (protocol.exclude_cold) {
    plan.skipped_cold = comm.sum(skip_cold(data, plan.held));
    for (std::int32_t i = 0; i < std::int32_t(data.items); ++i)
      if (data.popularity[std::size_t(i)] == 0) plan.excluded.push_back(i);
  }
  for (const auto u : data.heaviest_first)
    if (plan.held[std::size_t(u)].any()) plan.order.push_back(u);
  return plan;
}

std::vector<std::int32_t> sampled_candidates(const Dataset& data, const Schedule& plan,
                                             std::int64_t local,
                                             const EvaluationProtocol& protocol) {
  const Rng rng(protocol.seed, Purpose::evaluation);
  RngStream stream(rng, std::uint64_t(data.client_ids[std::size_t(local)]), draw_candidates);
  const Forbidden forbidden(data, plan, local);
  const auto wanted = std::size_t(protocol.sampled_candidates);
  std::vector<std::int32_t> items;
  // Few among many: draw and reject. Else: shuffle the front of the list of all that are allowed.
  if (2 * (protocol.sampled_candidates + forbidden.at_most()) < data.items) {
    std::unordered_set<std::int32_t> seen;
    while (items.size() < wanted) {
      const auto item = std::int32_t(stream.below(std::uint32_t(data.items)));
      if (!forbidden(item) && seen.insert(item).second) items.push_back(item);
    }
  } else {
    for (std::int32_t i = 0; i < std::int32_t(data.items); ++i)
      if (!forbidden(i)) items.push_back(i);
    for (std::size_t k = 0; k < std::min(wanted, items.size()); ++k)
      std::swap(items[k], items[k + stream.below(std::uint32_t(items.size() - k))]);
    items.resize(std::min(wanted, items.size()));
  }
  std::ranges::sort(items);
  return items;
}

}  // namespace fedfuse
