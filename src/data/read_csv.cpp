#include "data/read_csv.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/csv_lines.hpp"
#include "data/id_text.hpp"
#include "data/read_file.hpp"

namespace fedfuse {
namespace {

enum Column : int { user, item, rating, timestamp, split_label, column_count };
constexpr std::array<std::string_view, column_count> column_names{"userId", "itemId", "rating",
                                                                  "timestamp", "split_label"};
constexpr std::array<std::pair<std::string_view, Column>, 13> known_names{
    {{"userid", user},
     {"user", user},
     {"uid", user},
     {"itemid", item},
     {"item", item},
     {"iid", item},
     {"movieid", item},
     {"rating", rating},
     {"timestamp", timestamp},
     {"time", timestamp},
     {"splitlabel", split_label},
     {"split", split_label},
     {"xlabel", split_label}}};

std::string simplified(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') text += char(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Ids in order of first appearance. The views point into the file's text until names() copies them.
class Index {
 public:
  std::int32_t position(std::string_view id) {
    const auto [place, added] = positions_.try_emplace(id, std::int32_t(positions_.size()));
    if (added) ids_.push_back(id);
    return place->second;
  }
  [[nodiscard]] std::vector<std::string> names() const { return {ids_.begin(), ids_.end()}; }

 private:
  std::unordered_map<std::string_view, std::int32_t> positions_;
  std::vector<std::string_view> ids_;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& path) : path_(path), lines_(text, path) {}

  InteractionTable parse() {
    read_header();
    while (lines_.next(fields_)) read_row();
    if (table_.rows() == 0)
      throw InputError(cat("cannot use ", path_), "there is no row below its header",
                       "check how it was made");
    table_.user_ids = users_.names();
    table_.item_ids = items_.names();
    return std::move(table_);
  }

 private:
  void read_header() {
    place_.fill(-1);
    if (!lines_.next(fields_))
      lines_.fail("it has no header", "start it with a line like userId,itemId,rating,timestamp");
    columns_ = fields_.size();
    for (std::size_t k = 0; k < columns_; ++k) {
      const auto name = simplified(fields_[k]);
      const auto known = std::find_if(known_names.begin(), known_names.end(),
                                      [&](const auto& entry) { return entry.first == name; });
      if (known == known_names.end())
        lines_.fail(cat("there is a column that fedfuse does not know: ", printable(fields_[k])),
                    "the first line must name the columns, out of userId, itemId (or movieId), "
                    "rating, timestamp, split_label; remove the others");
      if (place_[known->second] >= 0)
        lines_.fail(cat("there are two columns for ", column_names[known->second]),
                    "keep one of them");
      place_[known->second] = int(k);
    }
    for (const auto needed : {user, item})
      if (place_[needed] < 0)
        lines_.fail(cat("there is no column ", column_names[needed]),
                    "name the columns in the first line, like userId,itemId,rating,timestamp");
    if (place_[timestamp] < 0 && place_[split_label] < 0)
      lines_.fail("there is neither a column timestamp nor split_label",
                  "one of them must tell which interactions are held out");
  }

  void read_row() {
    if (fields_.size() != columns_)
      lines_.fail(cat("it has ", fields_.size(), fields_.size() == 1 ? " field" : " fields",
                      " and the header has ", columns_),
                  "repair the line; if it is the last one, the file is truncated");
    if (table_.rows() == INT32_MAX) lines_.fail("there are more than 2^31 rows", "split the data");
    table_.user.push_back(users_.position(id(user)));
    table_.item.push_back(items_.position(id(item)));
    if (place_[rating] >= 0) (void)number(rating);
    if (place_[timestamp] >= 0) table_.add_time(time());
    if (place_[split_label] >= 0) table_.split.push_back(label());
  }

  [[nodiscard]] std::string_view field(Column column) const {
    return fields_[std::size_t(place_[column])];
  }

  [[nodiscard]] std::string_view id(Column column) const {
    const auto text = field(column);
    if (const auto fault = id_fault(text); !fault.empty())
      lines_.fail(cat(column_names[column], " ", printable(text), " ", fault),
                  is_utf8(text)
                      ? "repair or remove the line, or write the id with a letter in front"
                      : "give a CSV file in UTF-8 (iconv -f latin1 -t utf-8 converts it)");
    return text;
  }

  [[nodiscard]] double number(Column column) const {
    const auto text = field(column);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range)
      lines_.fail(cat(column_names[column], " ", printable(text), " is out of range"),
                  "repair the line");
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
      lines_.fail(cat(column_names[column], " ", printable(text), " is not a number"),
                  "repair the line");
    if (!std::isfinite(value))
      lines_.fail(cat(column_names[column], " ", printable(text), " is not finite"),
                  "repair or remove the line");
    return value;
  }
  [[nodiscard]] ExactTime time() const {
    const double value = number(timestamp);
    if (value < 0)
      lines_.fail(cat("timestamp ", printable(field(timestamp)), " is negative"),
                  "count time from an earlier moment");
    bool fits = true;
    const auto time = exact_time(field(timestamp), fits);
    if (!fits)
      lines_.fail(cat("timestamp ", printable(field(timestamp)), " is above 2^63 - 1"),
                  "repair the line; nanoseconds since 1970 are about 1.8e18");
    return time;
  }
  [[nodiscard]] std::uint8_t label() const {
    const double value = number(split_label);
    if (value != 0 && value != 1 && value != 2)
      lines_.fail(cat("split_label ", printable(field(split_label)), " has no meaning"),
                  "use 0 for training, 1 for validation, 2 for test");
    return std::uint8_t(value);
  }

  const std::string& path_;
  CsvLines lines_;
  std::array<int, column_count> place_{};
  std::size_t columns_ = 0;
  std::vector<std::string_view> fields_;
  Index users_, items_;
  InteractionTable table_;
};

}  // namespace

bool names_items(std::string_view field) {
  const auto name = simplified(field);
  return std::ranges::any_of(
      known_names, [&](const auto& known) { return known.second == item && known.first == name; });
}

void InteractionTable::add_time(const ExactTime& t) {
  if (t.fraction != 0 && time_fraction.empty()) time_fraction.assign(time.size(), 0);
  time.push_back(t.whole);
  if (t.fraction != 0 || !time_fraction.empty()) time_fraction.push_back(t.fraction);
}

InteractionTable read_csv(const std::string& path) {
  const auto text = read_file(path);
  return Parser(text, path).parse();
}

}  // namespace fedfuse
