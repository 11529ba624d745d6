// The last lines of a run, for people.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/print.hpp"
#include "app/training.hpp"
#include "core/text.hpp"
#include "results/curve.hpp"
#include "results/record.hpp"

namespace fedfuse {
namespace {

std::string end_of_curve(const RunRecord& record) {
  std::vector<std::string> words;
  if (record.status == RunStatus::stopped_early) words.emplace_back("stopped early");
  if (still_rose(record)) words.emplace_back("still rising at the end");
  return words.empty() ? "" : cat(" (", joined(words, ", "), ")");
}

// The validation curve in at most six words, or "": "round 1 0.0351, round 4 0.1212".
std::string curve(const Table& metrics) {
  std::vector<std::size_t> evaluated;
  for (std::size_t row = 0; row < metrics.rows(); ++row)
    if (std::isfinite(metrics.at("valid_ndcg_50", row))) evaluated.push_back(row);
  if (evaluated.size() < 2) return "";
  const std::size_t last = evaluated.size() - 1, steps = std::min<std::size_t>(last, 5);
  std::vector<std::string> words;
  for (std::size_t k = 0; k <= steps; ++k) {
    const auto row = evaluated[k * last / steps];
    words.push_back(cat("round ", row + 1, " ", fixed(metrics.at("valid_ndcg_50", row), 4)));
  }
  return cat("validation NDCG@50: ", joined(words, ", "), "\n");
}

// "" where every round was one.
std::string refused_rounds(const RunRecord& record) {
  const auto* refused = record.privacy.find("secure_refused");
  if (refused == nullptr) return "";
  const auto count = std::ranges::count(refused->values, 1.0);
  if (count == 0) return "";
  return cat(count, " of ", record.metrics.rows(),
             " rounds were refused: a client had fewer partners that delivered than the ",
             record.facts.at("secure_threshold"), " shares of --secure-threshold\n");
}

}  // namespace

void Training::print_summary() const {
  if (!comm_.root()) return;
  const auto& record = recorder_.record;
  const auto rows = record.metrics.rows();
  const bool has_best = record.best_round > 0;
  const auto row = has_best ? std::size_t(record.best_round) - 1 : rows - 1;
  const auto at = [&](const char* name) { return fixed(record.metrics.at(name, row), 4); };
  const auto baseline = [&](const char* name) { return fixed(record.baselines.at(name, 0), 4); };
  const auto chosen =
      has_best ? cat("best round ", record.best_round, " of ", rows, end_of_curve(record))
               : cat("best round - of ", rows,
                     " (no validation item is ranked: the model is that of the "
                     "last round)");
  const auto text = cat(
      refused_rounds(record), curve(record.metrics), config_.model.backbone, "+",
      config_.model.fusion, " on ", data_.name, ": ", chosen, ", validation NDCG@50 ",
      at("valid_ndcg_50"), "; test HR@50 ", at("test_hr_50"), ", NDCG@50 ", at("test_ndcg_50"),
      " (popularity ", baseline("test_hr_50"), ", ", baseline("test_ndcg_50"), ")\n",
      fixed(record.facts.at("client_rounds_per_second"), 0), " client-rounds/s in training, ",
      fixed(record.facts.at("total_seconds"), 1), " s in all; result in ", config_.files.out, "\n");
  std::fputs(text.c_str(), stdout);
}

}  // namespace fedfuse
