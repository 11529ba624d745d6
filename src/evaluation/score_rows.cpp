// A row is sorted once; a client's rank is two binary searches and a correction for the items that
// are no candidates of the client.
#include "evaluation/score_rows.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "kernels/rank/counting.hpp"

namespace fedfuse {
namespace {

class SortedRow {
 public:
  SortedRow(std::span<const float> scores, std::span<const std::int32_t> excluded)
      : scores_(scores), excluded_(excluded) {
    for (std::int32_t i = 0; i < std::int32_t(scores.size()); ++i)
      if (!is_excluded(i) && !std::isnan(scores[std::size_t(i)]))
        sorted_.push_back(scores[std::size_t(i)]);
    std::ranges::sort(sorted_);
  }

  [[nodiscard]] rank::Ranks ranks(const Held& held, std::span<const std::int32_t> positives) const {
    return {rank_of(held.valid, positives, -1), rank_of(held.test, positives, held.valid)};
  }
  [[nodiscard]] rank::Ranks ranks_among(const Held& held,
                                        std::span<const std::int32_t> candidates) const {
    return {rank_among(held.valid, candidates), rank_among(held.test, candidates)};
  }

 private:
  [[nodiscard]] bool is_excluded(std::int32_t item) const {
    return std::ranges::binary_search(excluded_, item);
  }
  [[nodiscard]] float score(std::int32_t item) const { return scores_[std::size_t(item)]; }

  // also: one more item that is no candidate, or -1.
  [[nodiscard]] std::int32_t rank_of(std::int32_t item, std::span<const std::int32_t> positives,
                                     std::int32_t also) const {
    if (item < 0) return 0;
    rank::Held held{.item = item, .score = score(item)};
    const auto tied = std::ranges::equal_range(sorted_, held.score);
    held.higher = sorted_.end() - tied.end();
    held.tied = tied.end() - tied.begin();
    std::int64_t candidates = std::int64_t(scores_.size() - excluded_.size());
    const auto drop = [&](std::int32_t i) {
      if (is_excluded(i)) return;
      held.count(score(i), -1);
      --candidates;
    };
    for (const auto i : positives)
      if (i != item) drop(i);
    drop(item);
    if (also >= 0 && also != item && !std::ranges::binary_search(positives, also)) drop(also);
    return held.rank(candidates);
  }
  [[nodiscard]] std::int32_t rank_among(std::int32_t item,
                                        std::span<const std::int32_t> candidates) const {
    if (item < 0) return 0;
    rank::Held held{.item = item, .score = score(item)};
    for (const auto i : candidates) held.count(score(i));
    return held.rank(std::int64_t(candidates.size()));
  }

  std::span<const float> scores_;
  std::span<const std::int32_t> excluded_;
  std::vector<float> sorted_;
};

LocalRanks ranks_by_rows(const Matrix<float>& scores,
                         const std::vector<std::int32_t>& row_of_client, const Dataset& data,
                         const EvaluationProtocol& protocol, const Comm& comm) {
  FEDFUSE_CHECK(scores.cols == data.items, "a score row of another length");
  FEDFUSE_CHECK(std::int64_t(row_of_client.size()) == data.local_clients(),
                "one row index a local client");
  FEDFUSE_CHECK(std::ranges::all_of(row_of_client, [&](auto g) { return g < scores.rows; }),
                "a client's row is one of the rows");
  const auto plan = schedule(data, protocol, comm);
  std::vector<SortedRow> rows;
  rows.reserve(std::size_t(scores.rows));
  for (std::int64_t g = 0; g < scores.rows; ++g)
    rows.emplace_back(std::span(scores.row(g), std::size_t(scores.cols)), plan.excluded);
  LocalRanks out{std::vector<rank::Ranks>(std::size_t(data.local_clients())), plan.skipped_cold};
#pragma omp parallel for schedule(dynamic, 64)
  for (std::size_t n = 0; n < plan.order.size(); ++n) {
    const auto u = plan.order[n];
    const auto g = row_of_client[std::size_t(u)];
    if (g < 0) continue;
    const auto& held = plan.held[std::size_t(u)];
    const auto& row = rows[std::size_t(g)];
    out.of_client[std::size_t(u)] =
        protocol.sampled_candidates > 0
            ? row.ranks_among(held, sampled_candidates(data, plan, u, protocol))
            : row.ranks(held, data.positives(u));
  }
  return out;
}

}  // namespace

Evaluation evaluate_rows(const Matrix<float>& scores,
                         const std::vector<std::int32_t>& row_of_client, const Dataset& data,
                         const EvaluationProtocol& protocol, const Comm& comm) {
  return metrics(ranks_by_rows(scores, row_of_client, data, protocol, comm), data, comm);
}

Baselines evaluate_baselines(const Dataset& data, const EvaluationProtocol& protocol,
                             const Comm& comm) {
  Matrix<float> popularity(1, data.items), cold_first(1, data.items);
  for (std::int64_t i = 0; i < data.items; ++i) {
    const auto clients = data.popularity[std::size_t(i)];
    popularity(0, i) = float(clients);
    cold_first(0, i) = clients == 0 ? float(data.clients + 1) : float(clients);
  }
  const std::vector<std::int32_t> all(std::size_t(data.local_clients()), 0);
  return {evaluate_rows(popularity, all, data, protocol, comm),
          evaluate_rows(cold_first, all, data, protocol, comm)};
}

}  // namespace fedfuse
