#include "results/record_state.hpp"

#include <algorithm>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"
#include "results/schema.hpp"

namespace fedfuse {
namespace {

// The same on every rank: what it looks at is shared.
[[noreturn]] void refuse(const std::string& why) {
  throw InputError("the records in the checkpoint cannot be used", why,
                   "go on from the checkpoint before it, or start again without --resume");
}

// A table as the names of its columns, a line each, and a matrix of columns x rows.
void visit(StateVisitor& visitor, const std::string& name, Table& table) {
  std::string names;
  Matrix<double> cells(std::int64_t(table.columns().size()), std::int64_t(table.rows()));
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    names += table.columns()[c].name + "\n";
    std::ranges::copy(table.columns()[c].values, cells.row(std::int64_t(c)));
  }
  visitor.text(name + "/names", names);
  visitor.matrix(name + "/cells", cells);
  if (!visitor.loads()) return;
  table = Table();
  std::istringstream lines(names);
  std::int64_t row = 0;
  for (std::string column; std::getline(lines, column); ++row) {
    if (row >= cells.rows) refuse(cat(name, " names more columns than it has"));
    const auto& field = find_column(column);
    table.add_column(
        {field.name, field.unit, field.meaning, {cells.row(row), cells.row(row) + cells.cols}});
  }
}

// Client x round: a client's row comes first in the file.
void visit(StateVisitor& visitor, const std::string& name,
           std::vector<std::vector<std::int32_t>>& by_round, std::int64_t clients,
           std::int64_t most) {
  auto rounds = std::int64_t(by_round.size());
  visitor.number(name + "_rounds", rounds);
  if (rounds < 0 || rounds > most) refuse(cat(name, " has ", rounds, " rounds of ", most));
  Matrix<std::int32_t> groups(clients, rounds);
  if (!visitor.loads())
    for (std::int64_t r = 0; r < rounds; ++r)
      for (std::int64_t u = 0; u < clients; ++u)
        groups(u, r) = by_round[std::size_t(r)][std::size_t(u)];
  visitor.clients(name, rounds, groups.span());
  if (!visitor.loads()) return;
  by_round.assign(std::size_t(rounds), std::vector<std::int32_t>(std::size_t(clients)));
  for (std::int64_t r = 0; r < rounds; ++r)
    for (std::int64_t u = 0; u < clients; ++u)
      by_round[std::size_t(r)][std::size_t(u)] = groups(u, r);
}

}  // namespace

void visit(StateVisitor& visitor, const std::string& name, RunRecord& record, const Dataset& data) {
  visit(visitor, name + "/metrics", record.metrics);
  visit(visitor, name + "/time", record.time);
  visit(visitor, name + "/traffic", record.traffic);
  visit(visitor, name + "/groups", record.groups);
  if (visitor.has(name + "/privacy/names")) visit(visitor, name + "/privacy", record.privacy);
  if (visitor.has(name + "/clock/names")) {
    visit(visitor, name + "/clock", record.clock);
    visit(visitor, name + "/classes", record.classes);
  }
  if (visitor.has(name + "/activity/names")) visit(visitor, name + "/activity", record.activity);
  visit(visitor, name + "/group_by_round", record.group_by_round, data.local_clients(),
        std::int64_t(record.metrics.rows()));
  visitor.number(name + "/best_round", record.best_round);
  std::string method =
      record.notes.contains("grouping_method") ? record.notes.at("grouping_method") : "";
  visitor.text(name + "/grouping_method", method);
  if (!method.empty()) record.notes["grouping_method"] = method;
  visitor.text(name + "/provenance", record.provenance);
}

}  // namespace fedfuse
