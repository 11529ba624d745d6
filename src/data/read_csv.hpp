#pragma once
// Interactions as text: inter.csv of both systems' authors, MovieLens' ratings.csv and ratings.dat,
// and the like; plain or compressed by gzip (read_text.hpp).
//
// The first line names the columns, in any order, upper or lower case, with or without '_':
//   userId | user | uid      required   any text
//   itemId | item | iid | movieId  required   any text
//   timestamp | time | date | datetime  required unless there is a split_label; only the order
//                      counts. A number, 0 <= t < 2^63, in any unit; whole numbers and decimals,
//                      neither is rounded. Or a date with or without a time (date_time.hpp)
//   rating                   optional   finite; checked, not used (feedback is implicit)
//   split_label | split | x_label  optional   0 train, 1 valid, 2 test
// Or --columns names them, in the order of the file (csv_columns.hpp); then the file may have a
// first line, or none.
// Fields may stand in double quotes; lines end in LF or CRLF; a byte order mark and empty lines are
// skipped. What separates fields: delimiter.hpp. What is no id: id_text.hpp.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/choice.hpp"
#include "data/delimiter.hpp"
#include "data/exact_time.hpp"

namespace fedfuse {

// Whether the first line names the columns.
enum class Header { yes, no };
template <>
inline constexpr auto choice_names<Header> =
    std::array{Named{Header::yes, "yes"}, Named{Header::no, "no"}};

// What the reader is told about the text.
struct CsvFormat {
  std::string columns;                 // their names in order; empty: the first line has them
  std::optional<Delimiter> delimiter;  // nothing: detected
  std::optional<Header> header;        // nothing: without columns yes, else detected
  bool operator==(const CsvFormat&) const = default;
};

enum class TimeForm { none, number, date };
// What was found in it; trivially copyable.
struct CsvFound {
  Delimiter delimiter = Delimiter::comma;
  bool header = true;
  TimeForm times = TimeForm::none;
  std::int64_t first_time = 0, last_time = 0;  // whole parts; of dates, seconds since 1970
};

// One row after the other, in the order of the file.
struct InteractionTable {
  std::vector<std::string> user_ids, item_ids;  // distinct, in order of first appearance
  std::vector<std::int32_t> user, item;         // positions in these
  std::vector<std::int64_t> time;               // whole part; empty: no such column
  std::vector<double> time_fraction;            // empty: every time is a whole number
  std::vector<std::uint8_t> split;              // empty: no such column
  CsvFound found;
  [[nodiscard]] std::int64_t rows() const { return std::int64_t(user.size()); }
  [[nodiscard]] bool has_times() const { return !time.empty(); }
  // Zero where there are none.
  [[nodiscard]] ExactTime time_of(std::int64_t row) const {
    const auto k = std::size_t(row);
    return {time.empty() ? 0 : time[k], time_fraction.empty() ? 0.0 : time_fraction[k]};
  }
  void add_time(const ExactTime& t);  // of the row that is being added
};

// InputError with the line's number on the first thing that is wrong. Memory: the file and the
// table.
[[nodiscard]] InteractionTable read_csv(const std::string& path, const CsvFormat& format = {});

}  // namespace fedfuse
