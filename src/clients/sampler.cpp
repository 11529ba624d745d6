#include "clients/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

Negatives find_negatives(const std::string& name) {
  if (name == "own-train") return Negatives::own_train;
  if (name == "own-all") return Negatives::own_all;
  if (name == "trained-items") return Negatives::trained_items;
  throw InputError(cat("unknown --negatives ", name), "there is no such protocol", "use own-train, own-all or trained-items");
}

std::vector<std::int32_t> sample_participants(const Config& config, const Dataset& data, std::int64_t round) {
  const auto wanted = std::max<std::int64_t>(1, std::llround(config.fraction * double(data.clients)));
  std::vector<std::int32_t> local;
  if (wanted >= data.clients) {
    local.resize(data.client_ids.size());
    std::iota(local.begin(), local.end(), 0);
    return local;
  }
  // Every rank draws a key for every client and keeps the smallest: a sample without replacement. A key is never
  // drawn twice in practice; the id decides if it is.
  const Rng rng(config.seed, Purpose::participants);
  using Key = std::pair<std::uint64_t, std::int32_t>;
  std::vector<Key> keys(std::size_t(data.clients));
  for (std::size_t u = 0; u < keys.size(); ++u) keys[u] = {rng.bits(u, std::uint32_t(round), 0), std::int32_t(u)};
  std::ranges::nth_element(keys, keys.begin() + (wanted - 1));
  const Key last = keys[std::size_t(wanted) - 1];
  for (std::size_t at = 0; at < data.client_ids.size(); ++at) {
    const auto u = data.client_ids[at];
    if (Key{rng.bits(std::uint64_t(u), std::uint32_t(round), 0), u} <= last) local.push_back(std::int32_t(at));
  }
  return local;
}

Sampler::Sampler(const Config& config, const Dataset& data)
    : data_(data),
      negatives_(find_negatives(config.negatives)),
      per_positive_(config.negatives_per_positive),
      epochs_(config.local_epochs),
      batch_(config.batch),
      negative_rng_(config.seed, Purpose::negatives),
      shuffle_rng_(config.seed, Purpose::shuffle) {
  if (negatives_ != Negatives::trained_items) return;
  for (std::int64_t i = 0; i < data.items; ++i)
    if (data.popularity[std::size_t(i)] > 0) trained_items_.push_back(std::int32_t(i));
}

bool Sampler::excluded(std::int64_t local, std::int32_t item) const {
  if (std::ranges::binary_search(data_.positives(local), item)) return true;
  const auto u = std::size_t(local);
  return negatives_ == Negatives::own_all && (item == data_.valid[u] || item == data_.test[u]);
}

void Sampler::draw_negatives(std::int64_t local, std::int64_t round, std::vector<std::int32_t>& items) const {
  const auto u = std::size_t(local);
  const auto positives = std::int64_t(data_.positives(local).size());
  const bool listed = negatives_ == Negatives::trained_items;
  const std::int64_t pool = listed ? std::int64_t(trained_items_.size()) : data_.items;
  const std::int64_t held_out = negatives_ == Negatives::own_all ? (data_.valid[u] >= 0) + (data_.test[u] >= 0) : 0;
  if (pool <= positives + held_out) return;  // nothing is left to be a negative
  RngStream stream(negative_rng_, std::uint64_t(data_.client_ids[u]), std::uint32_t(round));
  for (std::int64_t k = positives * per_positive_; k > 0;) {
    auto item = std::int32_t(stream.below(std::uint32_t(pool)));
    if (listed) item = trained_items_[std::size_t(item)];
    if (excluded(local, item)) continue;
    items.push_back(item);
    --k;
  }
}

void Sampler::draw(std::int64_t local, std::int64_t round, Samples& out) const {
  const auto positives = data_.positives(local);
  std::vector<std::int32_t>& items = out.items;
  items.assign(positives.begin(), positives.end());
  draw_negatives(local, round, items);
  const std::size_t n = items.size(), total = n * std::size_t(epochs_);
  out.distinct_entries = std::int64_t(n);

  out.entry_slot.assign(items.begin(), items.end());
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  out.slot_of_item.resize(std::size_t(data_.items));
  for (std::size_t s = 0; s < items.size(); ++s) out.slot_of_item[std::size_t(items[s])] = std::int32_t(s);
  for (auto& item : out.entry_slot) item = out.slot_of_item[std::size_t(item)];

  out.slot.resize(total), out.label.resize(total), out.begin.assign(1, 0);
  auto& order = out.order;
  for (std::int64_t epoch = 0; epoch < epochs_; ++epoch) {
    order.resize(n);
    std::iota(order.begin(), order.end(), 0);
    const auto who = std::uint64_t(data_.client_ids[std::size_t(local)]) | std::uint64_t(epoch) << 32;
    RngStream stream(shuffle_rng_, who, std::uint32_t(round));
    for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[stream.below(std::uint32_t(i))]);
    const std::size_t base = std::size_t(epoch) * n;
    for (std::size_t i = 0; i < n; ++i) {
      const auto entry = std::size_t(order[i]);
      out.slot[base + i] = out.entry_slot[entry];
      out.label[base + i] = entry < positives.size() ? 1.0f : 0.0f;
    }
    for (std::size_t at = 0; at < n; at += std::size_t(batch_)) out.begin.push_back(std::int32_t(base + std::min(n, at + std::size_t(batch_))));
  }
}

}  // namespace fedfuse
