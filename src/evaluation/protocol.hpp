#pragma once
// The clients that are evaluated, and their candidates (models.md section 5; R12).
#include <cstdint>
#include <vector>

#include "core/comm.hpp"
#include "core/config/evaluation.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// The parts of Config that decide which clients and items are ranked.
struct EvaluationProtocol {
  std::uint64_t seed = 0;
  std::int64_t clients = 0;             // 0: all; else R12
  std::int64_t sampled_candidates = 0;  // 0: full ranking
  bool exclude_cold = false;
};
[[nodiscard]] EvaluationProtocol evaluation_protocol(const EvaluationOptions& options,
                                                     std::uint64_t seed);

struct Held {
  std::int32_t valid = -1, test = -1;
  [[nodiscard]] bool any() const { return valid >= 0 || test >= 0; }
};

// What is to be ranked on this rank.
struct Schedule {
  std::vector<Held> held;              // of each local client; -1: not evaluated
  std::vector<std::int32_t> order;     // local clients with something to rank, heaviest first
  std::vector<std::int32_t> excluded;  // items that no client may rank, ascending
  // held-out items, over all ranks, left out because they are cold
  std::int64_t skipped_cold = 0;
};

// Collective. R12: the clients with the smallest counter-based keys among those that have a
// held-out item.
[[nodiscard]] Schedule schedule(const Dataset& data, const EvaluationProtocol& protocol,
                                const Comm& comm);

// `count` distinct items, ascending, uniform among those that are neither in P_u, nor held out, nor
// excluded; fewer when there are fewer. Depends on (seed, client) only: the same in every round.
[[nodiscard]] std::vector<std::int32_t> sampled_candidates(const Dataset& data,
                                                           const Schedule& plan, std::int64_t local,
                                                           const EvaluationProtocol& protocol);

}  // namespace fedfuse
