#pragma once
// Ranking by score rows that many clients share.
#include <cstdint>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"
#include "evaluation/metrics.hpp"
#include "evaluation/protocol.hpp"

namespace fedfuse {

// Of shared score rows: client u is ranked by scores[row_of_client[u]] (local clients; -1: not
// evaluated). Serves the teacher's own quality (row = group) and the baselines (one row).
// Collective.
[[nodiscard]] Evaluation evaluate_rows(const Matrix<float>& scores,
                                       const std::vector<std::int32_t>& row_of_client,
                                       const Dataset& data, const EvaluationProtocol& protocol,
                                       const Comm& comm);
// The baselines that every result lists: popularity, and cold-first (items in no training set,
// then popularity). Items of equal popularity tie, and so do the cold ones: their ranks are the
// middle of the tie, not those of one fixed list.
struct Baselines {
  Evaluation popularity, cold_first;
};
[[nodiscard]] Baselines evaluate_baselines(const Dataset& data, const EvaluationProtocol& protocol,
                                           const Comm& comm);

}  // namespace fedfuse
