#pragma once
// A table of one row per round: every column has a name, a unit and a meaning, and is one HDF5
// dataset.
#include <string>
#include <string_view>
#include <vector>

namespace fedfuse {

struct Column {
  std::string name, unit, meaning;
  std::vector<double> values;
};

class Table {
 public:
  void begin_row();  // missing cells are NaN
  // Sets a cell of the current row; the first use of a name makes the column. unit and meaning come
  // from the schema (results/schema.cpp); a name that the schema does not know is an internal
  // error.
  void set(std::string_view name, double value);
  [[nodiscard]] double at(std::string_view name, std::size_t row) const;
  [[nodiscard]] const Column* find(std::string_view name) const;
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  void add_column(Column column);  // when a file is read back

 private:
  std::vector<Column> columns_;
  std::size_t rows_ = 0;
};

}  // namespace fedfuse
