// The opponent: a client's whole score row, sorted, as evaluators usually do; float, no tiles kept
// in cache.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/rank/counting.hpp"
#include "kernels/rank/rank.hpp"
#include "kernels/rank/rank_scorer.hpp"

namespace fedfuse::rank {
namespace {

std::int32_t position(const std::vector<float>& scores, std::vector<std::int32_t> candidates,
                      std::int32_t held) {
  if (held < 0) return 0;
  const float own = scores[std::size_t(held)];
  std::erase(candidates, held);
  const auto others = std::int64_t(candidates.size());
  std::erase_if(candidates, [&](std::int32_t i) { return std::isnan(scores[std::size_t(i)]); });
  std::ranges::sort(candidates, [&](std::int32_t a, std::int32_t b) {
    return scores[std::size_t(a)] > scores[std::size_t(b)];
  });
  const auto tied = std::ranges::equal_range(
      candidates, own, std::greater{}, [&](std::int32_t i) { return scores[std::size_t(i)]; });
  return Held{held, own, tied.begin() - candidates.begin(), std::int64_t(tied.size())}.rank(others);
}

}  // namespace

void cpu_sorted(const Problem& problem, std::span<Ranks> out) {
  const auto& model = problem.model;
  const Tables tables(model);
#pragma omp parallel
  {
    Scratch scratch(model, tables);
    ClientScorer scorer(model, tables, scratch);
    std::vector<float> scores(std::size_t(tables.tiles() * tile_items));
#pragma omp for schedule(dynamic, 1)
    for (std::size_t u = 0; u < problem.clients.size(); ++u) {
      const auto& client = problem.clients[u];
      scorer.bind(client);
      for (std::int64_t t = 0; t < tables.tiles(); ++t)
        scorer.next_tile(t, scores.data() + t * tile_items);
      std::vector<std::int32_t> candidates(client.candidates.begin(), client.candidates.end());
      for (std::int32_t i = 0; i < model.items && !client.sampled; ++i)
        if (!std::ranges::binary_search(client.dropped, i) &&
            !std::ranges::binary_search(model.excluded, i))
          candidates.push_back(i);
      if (client.sampled) std::erase(candidates, client.valid);
      out[u].valid = position(scores, candidates, client.valid);
      if (client.valid != client.test) std::erase(candidates, client.valid);
      out[u].test = position(scores, candidates, client.test);
    }
  }
}

}  // namespace fedfuse::rank
