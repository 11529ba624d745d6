#include "results/curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedfuse {
namespace {

constexpr const char* watched = "valid_ndcg_50";
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> evaluations(const Table& metrics) {
  std::vector<double> values;
  if (const auto* column = metrics.find(watched))
    std::ranges::copy_if(column->values, std::back_inserter(values),
                         [](double value) { return !std::isnan(value); });
  return values;
}

}  // namespace

std::int64_t evaluations_since_best(const RunRecord& record, std::int64_t after) {
  const auto* column = record.metrics.find(watched);
  if (column == nullptr) return 0;
  const auto rounds = std::int64_t(column->values.size());
  const auto first = std::min(std::max(record.best_round, after), rounds);  // a row is a round - 1
  return std::count_if(column->values.begin() + first, column->values.end(),
                       [](double value) { return !std::isnan(value); });
}

double rising_at_end(const Table& metrics) {
  constexpr std::size_t least = 3;      // a tenth of few evaluations is noise
  constexpr double visible = 1 + 0.01;  // a plateau also has a largest value somewhere
  const auto values = evaluations(metrics);
  const auto last = std::max(least, (values.size() + 9) / 10);
  if (values.size() <= last) return missing;
  const auto end_begins = values.end() - std::ptrdiff_t(last);
  const double before = *std::max_element(values.begin(), end_begins);
  return *std::max_element(end_begins, values.end()) > visible * before ? 1.0 : 0.0;
}

void set_curve_facts(RunRecord& record) {
  const auto rounds = std::int64_t(record.metrics.rows());
  record.facts["rounds_after_best"] =
      record.best_round > 0 ? double(rounds - record.best_round) : missing;
  record.facts["rising_at_end"] = rising_at_end(record.metrics);
}

bool still_rose(const RunRecord& record) {
  const auto at = record.facts.find("rising_at_end");
  return at != record.facts.end() && at->second > 0;
}

}  // namespace fedfuse
