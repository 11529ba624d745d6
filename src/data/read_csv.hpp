#pragma once
// Interactions as text: inter.csv of both systems' authors, MovieLens' ratings.csv, and the like.
//
// The first line names the columns, in any order, upper or lower case, with or without '_':
//   userId | user | uid      required   any text
//   itemId | item | iid | movieId  required   any text
//   timestamp | time   required unless there is a split_label; 0 <= t < 2^63 (any unit; only the
//                      order counts; whole numbers and decimals, neither is rounded)
//   rating                   optional   finite; checked, not used (feedback is implicit)
//   split_label | split | x_label  optional   0 train, 1 valid, 2 test
// Fields are separated by commas (or by tabs, if the header has tabs and no comma), may stand in
// double quotes; lines end in LF or CRLF; a byte order mark and empty lines are skipped. What is
// no id: id_text.hpp.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/exact_time.hpp"

namespace fedfuse {

// One row after the other, in the order of the file.
struct InteractionTable {
  std::vector<std::string> user_ids, item_ids;  // distinct, in order of first appearance
  std::vector<std::int32_t> user, item;         // positions in these
  std::vector<std::int64_t> time;               // whole part; empty: no such column
  std::vector<double> time_fraction;            // empty: every time is a whole number
  std::vector<std::uint8_t> split;              // empty: no such column
  [[nodiscard]] std::int64_t rows() const { return std::int64_t(user.size()); }
  [[nodiscard]] bool has_times() const { return !time.empty(); }
  // Zero where there are none.
  [[nodiscard]] ExactTime time_of(std::int64_t row) const {
    const auto k = std::size_t(row);
    return {time.empty() ? 0 : time[k], time_fraction.empty() ? 0.0 : time_fraction[k]};
  }
  void add_time(const ExactTime& t);  // of the row that is being added
};

// Whether a header's field names the column of items: itemId, item, iid, movieId in any spelling.
[[nodiscard]] bool names_items(std::string_view field);

// InputError with the line's number on the first thing that is wrong. Memory: the file and the
// table.
[[nodiscard]] InteractionTable read_csv(const std::string& path);

}  // namespace fedfuse
