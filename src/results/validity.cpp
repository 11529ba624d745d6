#include "results/validity.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/text.hpp"

namespace fedfuse {
namespace {

bool is_quality(const std::string& name) {
  return name.find("_hr_") != std::string::npos || name.find("_ndcg_") != std::string::npos;
}

// Whether such a column is a mean over at least one client. Of an empty set it is missing, which is
// right. The teacher's columns have no count of their own.
bool is_mean_of_someone(const Table& metrics, const std::string& name, std::size_t row) {
  const auto split = name.substr(0, name.find('_'));
  if (split != "valid" && split != "test") return false;
  const auto kind = name.ends_with("_warm") ? "_warm" : name.ends_with("_cold") ? "_cold" : "";
  return metrics.at(cat(split, "_clients", kind), row) > 0;
}

// Columns that every round must have; the others are empty in rounds without evaluation or
// distillation.
constexpr const char* of_every_round[] = {"round", "loss", "loss_recommendation", "participants"};

// An interrupted run may end before the evaluation of its last round; --resume makes it up.
bool still_owes_evaluation(const RunRecord& record, std::size_t row) {
  const bool is_last = row + 1 == record.metrics.rows();
  return record.status == RunStatus::interrupted && is_last &&
         std::isnan(record.metrics.at("valid_clients", row));
}

std::string in_round(const RunRecord& record, std::size_t row) {
  const auto& m = record.metrics;
  const auto round = row + 1;
  const bool poisson = record.config.federation.sampling == Sampling::poisson;
  const auto& participation = record.config.participation;
  const bool fewer = changes_participants(participation) && !is_buffered(participation);
  const bool empty = (poisson || fewer) && m.at("participants", row) == 0;  // no loss then
  for (const char* name : of_every_round)
    if (!std::isfinite(m.at(name, row)) && !(empty && std::string_view(name).starts_with("loss")))
      return cat(name, " of round ", round, " is not a number");
  if (m.at("round", row) != double(round))
    return cat("round ", m.at("round", row), " stands where round ", round,
               " should: rounds are missing");

  const auto clients = record.facts.find("clients");
  if (clients != record.facts.end() && !poisson) {
    const auto wanted = double(uploads_of_round(record.config, std::int64_t(clients->second)));
    if (!(fewer && m.at("participants", row) < wanted) && m.at("participants", row) != wanted)
      return cat(wanted - m.at("participants", row), " of ", wanted, " clients are lost in round ",
                 round);
  }
  for (const auto& column : m.columns())
    if (const double value = column.values[row];
        is_quality(column.name) && !std::isnan(value) && !(value >= 0 && value <= 1))
      return cat(column.name, " of round ", round, " is ", value);
  if (std::int64_t(round) % record.config.evaluation.every != 0) return "";
  if (still_owes_evaluation(record, row)) return "";
  for (const char* name : {"valid_ndcg_50", "test_ndcg_50", "test_hr_50"})
    if (is_mean_of_someone(m, name, row) && !std::isfinite(m.at(name, row)))
      return cat(name, " of round ", round, " is not a number");
  for (const auto& column : m.columns())
    if (is_quality(column.name) && is_mean_of_someone(m, column.name, row) &&
        !std::isfinite(column.values[row]))
      return cat(column.name, " of round ", round, " is not a number");
  for (const char* name : {"valid_clients", "test_clients"})
    if (const double all = record.baselines.at(name, 0); m.at(name, row) != all)
      return cat(name, " of round ", round, " is ", m.at(name, row), ", and ", all,
                 " clients have such an item");
  return "";
}

}  // namespace

std::string why_invalid(const RunRecord& record) {
  if (record.status == RunStatus::failed) return "";  // the status tells it
  for (std::size_t row = 0; row < record.metrics.rows(); ++row)
    if (auto why = in_round(record, row); !why.empty()) return why;
  return "";
}

}  // namespace fedfuse
