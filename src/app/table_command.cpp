#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "app/commands.hpp"
#include "app/print.hpp"
#include "app/standard_output.hpp"
#include "core/text.hpp"
#include "results/curve.hpp"
#include "results/reader.hpp"
#include "results/validity.hpp"

namespace fedfuse {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

double cell(const Table& table, const char* name, std::int64_t row) {
  return row >= 0 && row < std::int64_t(table.rows()) ? table.at(name, std::size_t(row)) : missing;
}

double fact(const RunRecord& record, const char* name) {
  const auto at = record.facts.find(name);
  return at != record.facts.end() ? at->second : missing;
}

// Row of a round in /metrics; rounds are counted from 1 and stand in the column `round`.
std::int64_t row_of_round(const Table& metrics, std::int64_t round) {
  for (std::size_t row = 0; row < metrics.rows(); ++row)
    if (metrics.at("round", row) == double(round)) return std::int64_t(row);
  return -1;
}

constexpr char stopped_mark = 's', rising_mark = '+';

std::string best_round_words(const RunRecord& record) {
  if (record.best_round == 0) return "-";
  auto words = std::to_string(record.best_round);
  if (record.status == RunStatus::stopped_early) words += stopped_mark;
  if (still_rose(record)) words += rising_mark;
  return words;
}

std::vector<std::string> result_row(const std::string& path, const ResultSummary& summary) {
  const auto& r = summary.record;
  // without a validation item no round is the best: the model is that of the last one
  const auto best = row_of_round(r.metrics, r.best_round > 0 ? r.best_round : r.model_round);
  std::vector<std::string> row{r.config.model.backbone, r.config.model.fusion, best_round_words(r)};
  for (const char* metric : {"test_hr_50", "test_ndcg_50"}) {
    row.push_back(fixed(100 * cell(r.metrics, metric, best), 1));
    row.push_back(fixed(100 * cell(r.baselines, metric, 0), 1));
    row.push_back(fixed(100 * cell(r.baselines, metric, 1), 1));
  }
  const double rate = fact(r, "client_rounds_per_second");
  row.push_back(std::isfinite(rate) ? grouped(std::llround(rate)) : "-");
  row.push_back(as_bytes(fact(r, "bytes_down_per_client")));
  row.push_back(as_bytes(fact(r, "bytes_up_per_client")));
  const bool invalid = is_invalid(r.status) || !why_unfit(path, summary).empty();
  row.push_back((invalid ? "INVALID " : "") + path);
  return row;
}

// The results of one data set.
struct OneSet {
  std::string key, label;
  std::int64_t results = 0;
};

// Where no identity is recorded, the name and the counts stand for it.
void count(std::vector<OneSet>& sets, const ResultSummary& s) {
  const auto& identity = s.record.identity.data;
  const auto key = identity.empty()
                       ? cat(s.data_name, " ", s.clients, " ", s.items, " ", s.train_interactions)
                       : identity;
  auto at = std::ranges::find(sets, key, &OneSet::key);
  if (at == sets.end())
    at = sets.insert(at, OneSet{key, cat("\"", s.data_name, "\" (", short_hash(identity), ")"), 0});
  ++at->results;
}

// Empty when all results are of one data set.
std::string note_on(const std::vector<OneSet>& sets) {
  if (sets.size() < 2) return "";
  std::string list;
  for (const auto& set : sets)
    list += cat(list.empty() ? "" : ", ", set.results, " of ", set.label);
  return cat("NOTE: the results are of ", sets.size(), " different data sets: ", list, ".\n");
}

// What the marks in the column of the best round mean, of those that occur.
std::string note_on_rounds(std::span<const std::vector<std::string>> rows) {
  const auto occurs = [&](char mark) {
    return std::ranges::any_of(
        rows.subspan(1), [&](const auto& row) { return row[2].find(mark) != std::string::npos; });
  };
  std::string note;
  if (occurs('-'))
    note += "round -: no validation item was ranked; the metrics are those of the stored model.\n";
  if (occurs(stopped_mark)) note += "round s: --patience ended the run.\n";
  if (occurs(rising_mark))
    note += "round +: validation NDCG@50 still rose at the end of the run; try more --rounds.\n";
  return note;
}

}  // namespace

void print_table(const std::vector<std::string>& files, const Comm& comm) {
  comm.on_root([&] {
    std::vector<std::vector<std::string>> rows{{"backbone", "fusion", "round", "HR@50", "popular",
                                                "cold1st", "NDCG@50", "popular", "cold1st",
                                                "client-rounds/s", "down", "up", "file"}};
    std::vector<OneSet> sets;
    for (const auto& file : files) {
      const auto summary = read_summary(file);
      rows.push_back(result_row(file, summary));
      count(sets, summary);
    }
    print(aligned(rows, 2));
    print(
        "Test metrics in percent at the round with the best validation NDCG@50; popular and "
        "cold1st: the rankings without a model (most popular\n"
        "first; items nobody trains on first). down, up: bytes to and from a client and round when "
        "whole tables are sent.\n");
    print(note_on_rounds(rows));
    print(note_on(sets));
  });
}

}  // namespace fedfuse
