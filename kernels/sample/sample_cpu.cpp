#include <algorithm>
#include <array>
#include <limits>

#include "core/rng_words.hpp"
#include "kernels/sample/variants.hpp"

namespace fedfuse::sample {
namespace {

constexpr int lanes = simd::widest_lanes;
using Lanes = std::int32_t __attribute__((vector_size(4 * lanes), aligned(4), may_alias));

std::size_t padded(std::size_t n) { return (n + lanes - 1) / lanes * lanes; }
Lanes load(const std::int32_t* p) { return *reinterpret_cast<const Lanes*>(p); }
void store(std::int32_t* p, Lanes x) { *reinterpret_cast<Lanes*>(p) = x; }

// Up to here all pairs are compared, and not searched or sorted.
constexpr std::size_t few_to_search = 3 * lanes, few_to_rank = 16 * lanes;

// Whether an item may be a positive: a bit of its low bits.
class Filter {
 public:
  explicit Filter(std::span<const std::int32_t> items) {
    for (const auto item : items) bits_[word(item)] |= bit(item);
  }
  [[nodiscard]] bool may_hold(std::int32_t item) const {
    return (bits_[word(item)] & bit(item)) != 0;
  }

 private:
  static constexpr std::uint32_t words = 256;
  static std::size_t word(std::int32_t item) { return (std::uint32_t(item) >> 6) % words; }
  static std::uint64_t bit(std::int32_t item) { return std::uint64_t{1} << (item & 63); }
  std::array<std::uint64_t, words> bits_{};
};

// Candidates that may not be drawn are marked: -1, others 0. Both padded.
void mark_excluded(const Rules& rules, const Client& client, const std::int32_t* candidates,
                   std::size_t count, std::int32_t* marks) {
  if (client.positives.size() > few_to_search) {
    const Filter filter(client.positives);
    for (std::size_t k = 0; k < count; ++k) {
      const auto item = candidates[k];
      marks[k] =
          filter.may_hold(item) && std::ranges::binary_search(client.positives, item) ? -1 : 0;
    }
  } else {
    for (std::size_t k = 0; k < count; k += lanes) {
      const Lanes x = load(candidates + k);
      Lanes hit{};
      for (const auto item : client.positives) hit |= x == item;
      store(marks + k, hit);
    }
  }
  if (!rules.spare_held_out) return;
  for (std::size_t k = 0; k < count; k += lanes) {
    const Lanes x = load(candidates + k);
    store(marks + k, load(marks + k) | (x == client.valid) | (x == client.test));
  }
}

// The four candidates of every counter in [block, block + blocks).
void name_candidates(const Rules& rules, const Client& client, std::uint32_t round,
                     std::uint32_t block, int blocks, Samples& out) {
  const auto pool = std::uint32_t(rules.pool());
  auto& candidates = out.candidates;
  if (rules.in_order) {
    for (std::size_t k = 0; k < candidates.size(); ++k)
      candidates[k] = std::int32_t((4 * block + std::uint32_t(k)) % pool);
    return;
  }
  rng_words::fill(rules.negatives, std::uint32_t(client.id), round, 1, block, blocks, out.words);
  rng_words::below(out.words.data(), candidates.size(), pool, 0, candidates.data());
  if (rules.listed.empty()) return;
  for (auto& item : candidates) item = rules.listed[std::size_t(item)];
}

// Candidates in blocks of words; the words after the last one that is needed
// are not used.
void draw_negatives(const Rules& rules, const Client& client, std::uint32_t round, Samples& out) {
  const auto positives = std::int64_t(client.positives.size());
  const std::int64_t held_out = rules.spare_held_out ? (client.valid >= 0) + (client.test >= 0) : 0;
  if (rules.pool() <= positives + held_out) return;  // nothing is left to be a negative
  auto left = std::size_t(positives * rules.per_positive), found = out.items.size();
  out.items.resize(found + left);
  for (std::uint32_t block = 0; left > 0;) {
    const int blocks = int(padded(left / 4 + 1));
    const auto count = 4 * std::size_t(blocks);
    out.candidates.resize(count);
    out.marks.resize(count);
    name_candidates(rules, client, round, block, blocks, out);
    mark_excluded(rules, client, out.candidates.data(), count, out.marks.data());
    for (std::size_t k = 0; k < count && left > 0; ++k) {
      out.items[found] = out.candidates[k];
      const bool taken = out.marks[k] == 0;
      found += taken;
      left -= taken;
    }
    block += std::uint32_t(blocks);
  }
}

// Of V vectors of items: how many of the n items are smaller. An item that is read serves all V.
template <int V>
void rank_vectors(const std::int32_t* mine, const std::int32_t* items, std::size_t n,
                  std::int32_t* rank) {
  Lanes x[V], smaller[V] = {};
  for (int v = 0; v < V; ++v) x[v] = load(mine + v * lanes);
  for (std::size_t k = 0; k < n; ++k) {
    const Lanes one = Lanes{} + items[k];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) smaller[v] = x[v] > one ? smaller[v] + 1 : smaller[v];
  }
  for (int v = 0; v < V; ++v) store(rank + v * lanes, smaller[v]);
}
// rank[i]: how many of the n items are smaller; both padded.
void rank_by_pairs(const std::int32_t* items, std::size_t n, std::int32_t* rank) {
  std::size_t i = 0;
  for (; i + 3 * lanes < n; i += 4 * lanes) rank_vectors<4>(items + i, items, n, rank + i);
  for (; i + lanes < n; i += 2 * lanes) rank_vectors<2>(items + i, items, n, rank + i);
  if (i < n) rank_vectors<1>(items + i, items, n, rank + i);
}
// The same by a radix sort, from the lowest digit; equal items have the rank of
// the first of them.
void rank_by_sorting(const std::vector<std::int32_t>& items, std::size_t n, std::int64_t most,
                     std::vector<std::uint64_t>& keys, std::int32_t* rank) {
  constexpr int digit = 8;
  constexpr std::size_t digits = std::size_t{1} << digit;
  keys.resize(2 * n);
  auto *from = keys.data(), *to = from + n;
  for (std::size_t i = 0; i < n; ++i) from[i] = std::uint64_t(items[i]) << 32 | i;
  for (int shift = 32; most > 0; shift += digit, most >>= digit) {
    std::array<std::uint32_t, digits + 1> begin{};
    for (std::size_t i = 0; i < n; ++i) ++begin[(from[i] >> shift) % digits + 1];
    for (std::size_t d = 0; d < digits; ++d) begin[d + 1] += begin[d];
    for (std::size_t i = 0; i < n; ++i) to[begin[(from[i] >> shift) % digits]++] = from[i];
    std::swap(from, to);
  }
  std::int32_t first = 0;
  for (std::size_t k = 0; k < n; ++k) {
    if (from[k] >> 32 != from[std::size_t(first)] >> 32) first = std::int32_t(k);
    rank[std::uint32_t(from[k])] = first;
  }
}

// items: of the entries, becomes those of the slots; entry_slot: the rank of each entry; order: the
// slot of each entry in their order by slot.
void place_slots(Samples& out, std::size_t n, std::int64_t most) {
  auto& items = out.items;
  items.resize(padded(n), std::numeric_limits<std::int32_t>::max());
  auto& rank = out.entry_slot;
  rank.resize(items.size());
  if (n <= few_to_rank) {
    rank_by_pairs(items.data(), n, rank.data());
  } else {
    rank_by_sorting(items, n, most, out.keys, rank.data());
  }
  // by rank: the item, or none where the entry before has the same; then the slot
  constexpr std::int32_t none = -1;
  out.order.assign(n, none);
  for (std::size_t i = 0; i < n; ++i) out.order[std::size_t(rank[i])] = items[i];
  std::int32_t slots = 0;
  for (auto& item : out.order) {
    items[std::size_t(slots)] = item;
    slots += item != none;
    item = slots - 1;
  }
  items.resize(std::size_t(slots));
  rank.resize(n);
}

// An epoch of one batch: its entries by slot, in every epoch.
void order_by_slot(std::size_t n, std::size_t epochs, std::size_t positives, Samples& out) {
  out.slot.resize(n * epochs);
  out.label.resize(n * epochs);
  std::fill_n(out.label.begin(), n, 0.0f);
  for (std::size_t i = 0; i < positives; ++i) out.label[std::size_t(out.entry_slot[i])] = 1.0f;
  for (std::size_t epoch = 0; epoch < epochs; ++epoch)
    std::copy_n(out.order.begin(), n, out.slot.begin() + std::ptrdiff_t(epoch * n));
  for (std::size_t epoch = 1; epoch < epochs; ++epoch)
    std::copy_n(out.label.begin(), n, out.label.begin() + std::ptrdiff_t(epoch * n));
}

void shuffle_epochs(const Rules& rules, const Client& client, std::uint32_t round, std::size_t n,
                    Samples& out) {
  const std::size_t epochs = std::size_t(rules.epochs), positives = client.positives.size();
  // An entry is its slot, twice, and whether it is a positive.
  auto& entries = out.entry_slot;
  for (std::size_t i = 0; i < n; ++i)
    entries[i] = 2 * out.order[std::size_t(entries[i])] + (i < positives);
  out.slot.resize(n * epochs);
  out.label.resize(n * epochs);
  const auto blocks = n / 4 + 1;
  rng_words::fill(rules.shuffle, std::uint32_t(client.id), round, int(epochs), 0, int(blocks),
                  out.words);
  out.order.resize(padded(n));
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    const auto* word = out.words.data() + epoch * 4 * blocks;
    std::int32_t *shuffled = out.slot.data() + epoch * n, *partner = out.order.data();
    rng_words::below(word, n, std::uint32_t(n), 1, partner);
    std::ranges::copy(entries, shuffled);
    for (std::size_t k = 0; k + 1 < n; ++k) std::swap(shuffled[n - 1 - k], shuffled[partner[k]]);
  }
  for (std::size_t k = 0; k < n * epochs; ++k) {
    out.label[k] = float(out.slot[k] & 1);
    out.slot[k] >>= 1;
  }
}

}  // namespace

void draw_cpu(const Rules& rules, const Client& client, std::uint32_t round, Samples& out) {
  out.items.assign(client.positives.begin(), client.positives.end());
  draw_negatives(rules, client, round, out);
  const std::size_t n = out.items.size();
  out.distinct_entries = std::int64_t(n);
  place_slots(out, n, rules.items);
  if (rules.one_batch(std::int64_t(n))) {
    order_by_slot(n, std::size_t(rules.epochs), client.positives.size(), out);
  } else {
    shuffle_epochs(rules, client, round, n, out);
  }
  place_steps(rules, std::int64_t(n), out.begin);
}

}  // namespace fedfuse::sample
