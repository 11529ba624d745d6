#pragma once
// From ranks to HR and NDCG (models.md section 5): HR@K = [rank <= K], NDCG@K = [rank <= K] /
// log2(1 + rank), of the validation and the test item, also split into warm and cold held-out
// items.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/cutoffs.hpp"
#include "data/dataset.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse {

// Means over the clients that have such a held-out item; NaN where there is none.
struct Metrics {
  std::array<double, cutoffs.size()> hr{}, ndcg{};
  std::int64_t clients = 0;
};
struct SplitMetrics {
  Metrics all, warm, cold;  // cold: the held-out item is in no training set
};
struct Evaluation {
  SplitMetrics valid, test;
  // held-out items not evaluated because of --cold-items exclude (valid + test)
  std::int64_t skipped_cold = 0;
};

struct LocalRanks {
  std::vector<rank::Ranks> of_client;  // local clients; 0: not evaluated
  std::int64_t skipped_cold = 0;       // over all ranks
  std::int64_t flop = 0;               // of this rank, by the kernels' formulas
};
struct MetricsAt {  // the same at the k-th cutoff: hr[k] and ndcg[k]
  std::vector<double> hr, ndcg;
  std::int64_t clients = 0;
};
struct SplitMetricsAt {
  MetricsAt all, warm, cold;
};
struct EvaluationAt {
  SplitMetricsAt valid, test;
  std::int64_t skipped_cold = 0;
};
// Collective. cutoffs: any K >= 1. Same bits for any number of ranks: hits are counted, gains
// summed in fixed point.
[[nodiscard]] EvaluationAt metrics_at(const LocalRanks& ranks, const Dataset& data,
                                      std::span<const int> at, const Comm& comm);
// at `cutoffs`
[[nodiscard]] Evaluation metrics(const LocalRanks& ranks, const Dataset& data, const Comm& comm);

}  // namespace fedfuse
