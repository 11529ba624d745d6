// Tiles of 64 items stay in the nearest cache for a block of clients; scores are counted as they
// come.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/rank/counting.hpp"
#include "kernels/rank/rank.hpp"
#include "kernels/rank/rank_scorer.hpp"

namespace fedfuse::rank {
namespace {

constexpr std::int64_t most_block_clients = 32;  // a tile is read from far memory once a block

bool contains(std::span<const std::int32_t> ids, std::int32_t id) {
  return std::ranges::binary_search(ids, id);
}

std::int64_t union_size(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::int64_t size = std::int64_t(a.size());
  for (const auto id : b) size += !contains(a, id);
  return size;
}

// A client on its way through the tiles.
struct Walk {
  Walk(const Model& m, const Tables& tables, Scratch& scratch)
      : model(m), scorer(m, tables, scratch) {}

  void start(const Client& c) {
    client = &c;
    scorer.bind(c);
    valid = {.item = c.valid};
    test = {.item = c.test};
    of_valid = {};
    of_test = {};
    next_dropped = 0;
    next_excluded = 0;
    const std::int32_t ids[2] = {std::max(c.valid, 0), std::max(c.test, 0)};
    float scores[2];
    scorer.items(ids, 2, scores);
    valid.score = scores[0];
    test.score = scores[1];
  }

  void tile(std::int64_t t) {
    alignas(64) float scores[tile_items];
    scorer.next_tile(t, scores);
    count(t, scores);
  }
  // Four clients whose head has no hidden part.
  static void tile(std::int64_t t, std::span<Walk, ClientScorer::together> walks) {
    alignas(64) float scores[ClientScorer::together][tile_items];
    ClientScorer::next_tile(
        t, {&walks[0].scorer, &walks[1].scorer, &walks[2].scorer, &walks[3].scorer},
        {scores[0], scores[1], scores[2], scores[3]});
    for (std::size_t c = 0; c < walks.size(); ++c) walks[c].count(t, scores[c]);
  }

  void count(std::int64_t t, float* scores) {
    const std::int64_t first = t * tile_items;
    drop(client->dropped, next_dropped, first, scores);
    drop(model.excluded, next_excluded, first, scores);
    for (std::int64_t l = model.items - first; l < tile_items; ++l) scores[l] = nan;
    const Float8 at_valid = simd::splat(valid.score), at_test = simd::splat(test.score);
    // in registers: the compiler must take members for aliases of scores
    Counter above_valid = of_valid, above_test = of_test;
    for (int l = 0; l < tile_items; l += lanes) {
      const Float8 s = simd::load(scores + l);
      above_valid.add(s, at_valid);
      above_test.add(s, at_test);
    }
    of_valid = above_valid;
    of_test = above_test;
  }

  Ranks finish() {
    take(valid, of_valid);
    take(test, of_test);
    const bool valid_counted =
        client->valid >= 0 && client->valid != client->test && counted(client->valid);
    // dropped at test time
    if (valid_counted) test.count(valid.score, -1);
    // the usual case needs no count
    if (!std::isnan(valid.score) && !std::isnan(test.score)) return {valid.rank(0), test.rank(0)};
    const std::int64_t candidates = model.items - union_size(client->dropped, model.excluded);
    return {valid.rank(candidates - own(valid)), test.rank(candidates - own(test) - valid_counted)};
  }

  // Sampled evaluation: the listed candidates only.
  Ranks ranks_among_candidates(const Client& c) {
    start(c);
    std::int64_t for_valid = 0, for_test = 0;
    for (std::size_t first = 0; first < c.candidates.size(); first += tile_items) {
      const int n = int(std::min<std::size_t>(tile_items, c.candidates.size() - first));
      alignas(64) float scores[tile_items];
      scorer.items(c.candidates.data() + first, n, scores);
      for (int l = 0; l < n; ++l) {
        const std::int32_t id = c.candidates[first + std::size_t(l)];
        if (id != c.valid) {
          valid.count(scores[l]);
          ++for_valid;
        }
        if (id != c.valid && id != c.test) {
          test.count(scores[l]);
          ++for_test;
        }
      }
    }
    return {valid.rank(for_valid), test.rank(for_test)};
  }

 private:
  static constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  static void drop(std::span<const std::int32_t> ids, std::size_t& next, std::int64_t first,
                   float* scores) {
    for (; next < ids.size() && ids[next] < first + tile_items; ++next)
      scores[ids[next] - first] = nan;
  }
  [[nodiscard]] bool counted(std::int32_t item) const {
    return !contains(client->dropped, item) && !contains(model.excluded, item);
  }
  [[nodiscard]] int own(const Held& held) const {
    return held.item >= 0 && counted(held.item) ? 1 : 0;
  }
  void take(Held& held, const Counter& counter) const {
    held.higher = Counter::total(counter.higher);
    held.tied = Counter::total(counter.tied);
    if (own(held) != 0) held.count(held.score, -1);  // met itself
  }

  const Model& model;
  ClientScorer scorer;
  const Client* client = nullptr;
  Held valid, test;
  Counter of_valid, of_test;
  std::size_t next_dropped = 0, next_excluded = 0;
};

// Enough blocks that threads stay busy; a client's rank does not depend on its block.
std::int64_t block_size(std::int64_t clients) {
  return std::clamp<std::int64_t>(clients / (8 * omp_get_max_threads()), 4, most_block_clients);
}

// Ranks of clients [first, last).
void rank_block(const Problem& problem, const Tables& tables, std::vector<Walk>& walks,
                std::int64_t first, std::int64_t last, std::span<Ranks> out) {
  std::int64_t who[most_block_clients];
  std::size_t walking = 0;
  for (std::int64_t u = first; u < last; ++u) {
    const auto& client = problem.clients[std::size_t(u)];
    if (client.valid < 0 && client.test < 0) {
      out[std::size_t(u)] = {};
    } else if (client.sampled) {
      out[std::size_t(u)] = walks[0].ranks_among_candidates(client);
    } else {
      who[walking++] = u;
    }
  }
  for (std::size_t w = 0; w < walking; ++w) walks[w].start(problem.clients[std::size_t(who[w])]);
  constexpr std::size_t four = ClientScorer::together;
  const std::size_t in_fours = !problem.model.head.hidden_part ? walking / four * four : 0;
  for (std::int64_t t = 0; t < tables.tiles() && walking > 0; ++t) {
    for (std::size_t w = 0; w < in_fours; w += four)
      Walk::tile(t, std::span<Walk, four>(walks.data() + w, four));
    for (std::size_t w = in_fours; w < walking; ++w) walks[w].tile(t);
  }
  for (std::size_t w = 0; w < walking; ++w) out[std::size_t(who[w])] = walks[w].finish();
}

}  // namespace

void cpu_tiles(const Problem& problem, std::span<Ranks> out) {
  const auto& model = problem.model;
  const auto clients = std::int64_t(problem.clients.size());
  if (clients == 0 || model.items == 0) return;
  const Tables tables(model);
  const std::int64_t block = block_size(clients);
#pragma omp parallel
  {
    Scratch scratch(model, tables);
    std::vector<Walk> walks(std::size_t(block), Walk(model, tables, scratch));
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t b = 0; b < (clients + block - 1) / block; ++b)
      rank_block(problem, tables, walks, b * block, std::min(clients, (b + 1) * block), out);
  }
}

}  // namespace fedfuse::rank
