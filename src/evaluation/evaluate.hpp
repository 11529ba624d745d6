#pragma once
// Evaluation (models.md section 5): every client ranks all items with the head and rows that it
// would use; HR and NDCG at 10, 20, 50 of its validation and test item, also split into warm and
// cold held-out items. R5: a rank is a count. R2: with a shared head its user half and item half
// are computed once.
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clients/state.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"
#include "kernels/rank/rank.hpp"
#include "model/spec.hpp"

namespace fedfuse {

inline constexpr std::array<int, 3> cutoffs{10, 20, 50};

struct Metrics {  // means over the clients that have such a held-out item
  std::array<double, 3> hr{}, ndcg{};
  std::int64_t clients = 0;
};
struct SplitMetrics {
  Metrics all, warm, cold;  // cold: the held-out item is in nobody's training set
};
struct Evaluation {
  SplitMetrics valid, test;
  // held-out items not evaluated because of --cold-items exclude (valid + test)
  std::int64_t skipped_cold = 0;
};

// The parts of Config that decide who and what is ranked.
struct EvaluationProtocol {
  std::uint64_t seed = 0;
  std::int64_t clients = 0;             // 0: all; else R12
  std::int64_t sampled_candidates = 0;  // 0: full ranking
  bool exclude_cold = false;
};
[[nodiscard]] EvaluationProtocol evaluation_protocol(const EvaluationOptions& options,
                                                     std::uint64_t seed);

// Of the trained model. device: where clients rank if its kernels serve the model, else they rank
// on the host; null: on the host. Collective.
[[nodiscard]] Evaluation evaluate(const ModelSpec& spec, const GlobalModel& global,
                                  const ClientState& state, const Dataset& data,
                                  const EvaluationProtocol& protocol, const Comm& comm,
                                  const std::shared_ptr<gpu::Device>& device = nullptr);
// The same in two steps, for other cutoffs: ranks of this rank's clients, then their means.
struct LocalRanks {
  std::vector<rank::Ranks> of_client;  // local clients; 0: not evaluated
  std::int64_t skipped_cold = 0;       // over all ranks
};
[[nodiscard]] LocalRanks evaluate_ranks(const ModelSpec& spec, const GlobalModel& global,
                                        const ClientState& state, const Dataset& data,
                                        const EvaluationProtocol& protocol, const Comm& comm,
                                        const std::shared_ptr<gpu::Device>& device = nullptr);
struct MetricsAt {  // hr[k] and ndcg[k] at the k-th cutoff
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

// Of shared score rows: client u is ranked by scores[row_of_client[u]] (local clients; -1: not
// evaluated). Serves the teacher's own quality (row = group) and the baselines (one row).
// Collective.
[[nodiscard]] Evaluation evaluate_rows(const Matrix<float>& scores,
                                       const std::vector<std::int32_t>& row_of_client,
                                       const Dataset& data, const EvaluationProtocol& protocol,
                                       const Comm& comm);
// The baselines that every result lists: popularity, and cold-first (items that nobody trains on,
// then popularity). Items of equal popularity tie, and so do the cold ones: their ranks are the
// middle of the tie, not those of one fixed list.
struct Baselines {
  Evaluation popularity, cold_first;
};
[[nodiscard]] Baselines evaluate_baselines(const Dataset& data, const EvaluationProtocol& protocol,
                                           const Comm& comm);

}  // namespace fedfuse
