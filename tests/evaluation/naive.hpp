#pragma once
// A small federation, the same on any number of ranks, and its evaluation written down naively:
// every client's whole model in double, a score list, a sort-free count. Shares no code with
// src/evaluation or kernels/rank.
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "clients/state.hpp"
#include "core/rng.hpp"
#include "evaluation/evaluate.hpp"
#include "evaluation/score_rows.hpp"

namespace fedfuse::test {

// Clients spread round robin over comm's ranks; items_trained: the last items are cold.
Dataset make_data(std::int64_t clients, std::int64_t items, std::int64_t items_trained,
                  const Comm& comm);

struct Federation {
  ModelSpec spec;
  GlobalModel global;
  ClientState state;
};
// Every parameter random, by global client id.
Federation make_federation(const Config& config, const Dataset& data);

// The naive side sees all clients at once, so it takes the data and state of Comm::self().
struct Naive {
  const Federation& model;
  const Dataset& data;
  [[nodiscard]] std::vector<double> omega(std::int64_t client) const;
  [[nodiscard]] double prior(std::int64_t client, std::int64_t item) const;
  [[nodiscard]] std::vector<double> scores(std::int64_t client) const;

 private:
  [[nodiscard]] std::vector<double> row(std::int64_t client, std::int64_t item,
                                        const std::vector<double>& omega) const;
  [[nodiscard]] double head(std::int64_t client, const std::vector<double>& z) const;
};

using Items = std::set<std::int32_t>;
// Rank of `held` among candidates (held itself does not count).
int naive_rank(const std::vector<double>& scores, std::int32_t held, const Items& candidates);

// Metrics from a rule: candidates of a client at (client, at test time), and its scores.
struct NaiveProtocol {
  std::function<std::vector<double>(std::int64_t)> scores;
  std::function<Items(std::int64_t client, bool test)> candidates;
  std::function<bool(std::int64_t client, bool test)> evaluated = [](std::int64_t, bool) {
    return true;
  };
};
Evaluation naive_evaluation(const Dataset& data, const NaiveProtocol& protocol);
// All items but P_u; at test time without the validation item.
Items full_candidates(const Dataset& data, std::int64_t client, bool test);

void expect_equal(const Evaluation& got, const Evaluation& want, double tolerance);

}  // namespace fedfuse::test
