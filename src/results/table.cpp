#include "results/table.hpp"

#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"
#include "results/schema.hpp"

namespace fedfuse {
namespace {
constexpr double missing = std::numeric_limits<double>::quiet_NaN();
}

void Table::begin_row() {
  ++rows_;
  for (auto& column : columns_) column.values.push_back(missing);
}

void Table::set(std::string_view name, double value) {
  FEDFUSE_CHECK(rows_ > 0, "a cell is set before the first row");
  for (auto& column : columns_)
    if (column.name == name) {
      column.values.back() = value;
      return;
    }
  const auto& field = find_column(name);
  columns_.push_back({field.name, field.unit, field.meaning, std::vector<double>(rows_, missing)});
  columns_.back().values.back() = value;
}

const Column* Table::find(std::string_view name) const {
  for (const auto& column : columns_)
    if (column.name == name) return &column;
  return nullptr;
}

double Table::at(std::string_view name, std::size_t row) const {
  FEDFUSE_CHECK(row < rows_, cat("row ", row, " of ", rows_));
  if (const auto* column = find(name)) return column->values[row];
  // a column without values is missing data; a name that is no column is a mistake
  static_cast<void>(find_column(name));
  return missing;
}

void Table::add_column(Column column) {
  FEDFUSE_CHECK(columns_.empty() || column.values.size() == rows_,
                cat("column ", column.name, " has ", column.values.size(), " rows, not ", rows_));
  rows_ = column.values.size();
  columns_.push_back(std::move(column));
}

}  // namespace fedfuse
