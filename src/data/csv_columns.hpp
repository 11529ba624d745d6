#pragma once
// Which field of a row of interactions is what: by the names in the file's first line, or by
// --columns.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_lines.hpp"

namespace fedfuse {

enum class Column : std::size_t { user, item, rating, timestamp, split_label };
inline constexpr std::size_t column_kinds = 5;

[[nodiscard]] std::string_view name_of(Column column);
// Whether a header's field names the column of items: itemId, item, iid, movieId in any spelling.
[[nodiscard]] bool names_items(std::string_view field);

class CsvColumns {
 public:
  // Of a first line. InputError with its line when it names an unknown column, one twice, or not
  // all that are needed.
  static CsvColumns of_header(const std::vector<std::string_view>& fields, const CsvLines& lines);
  // Of --columns: a name for each field of a row, between commas; - skips a field. InputError as
  // above.
  static CsvColumns of_option(const std::string& words);

  // Whether a first line stands above the rows: all its numbers (rating, time, label) are words.
  [[nodiscard]] bool is_header(const std::vector<std::string_view>& fields) const;
  // InputError when a first line gives a field another meaning than --columns.
  void check_header(const std::vector<std::string_view>& fields, const CsvLines& lines) const;

  [[nodiscard]] bool has(Column column) const { return place_[std::size_t(column)] >= 0; }
  [[nodiscard]] std::size_t place(Column column) const {
    return std::size_t(place_[std::size_t(column)]);
  }
  [[nodiscard]] std::size_t count() const { return count_; }  // fields of a row

 private:
  // Why the columns will not do, or "".
  [[nodiscard]] std::string what_is_missing() const;
  [[nodiscard]] bool take(Column column);  // as the next one; false: it is there already

  std::array<int, column_kinds> place_{-1, -1, -1, -1, -1};
  std::size_t count_ = 0;
};

}  // namespace fedfuse
