#include "data/read_csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/csv_columns.hpp"
#include "data/csv_lines.hpp"
#include "data/date_time.hpp"
#include "data/id_text.hpp"
#include "data/read_text.hpp"

namespace fedfuse {
namespace {

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
  Parser(std::string_view text, const std::string& path, const CsvFormat& format)
      : path_(path), format_(format), lines_(text, path) {}

  InteractionTable parse() {
    read_first();
    while (lines_.next(fields_)) read_row();
    if (table_.rows() == 0)
      throw InputError(cat("cannot use ", path_),
                       found().header ? "there is no row below its header" : "it has no row",
                       "check how it was made");
    table_.user_ids = users_.names();
    table_.item_ids = items_.names();
    return std::move(table_);
  }

 private:
  CsvFound& found() { return table_.found; }

  // The first line, be it a header or a row.
  void read_first() {
    const bool named = !format_.columns.empty();
    if (named) columns_ = CsvColumns::of_option(format_.columns);
    if (!named && format_.header == Header::no)
      throw InputError("cannot use --header no", "nothing else would name the columns",
                       "add --columns user,item,rating,timestamp, in the order of the file");
    choose_delimiter();
    if (!lines_.next(fields_))
      lines_.fail("it has no header and no row",
                  "start it with a line like userId,itemId,rating,timestamp");
    if (!named) columns_ = CsvColumns::of_header(fields_, lines_);
    found().header =
        format_.header ? format_.header == Header::yes : !named || columns_.is_header(fields_);
    if (!found().header)
      read_row();
    else if (named)
      columns_.check_header(fields_, lines_);
  }

  void choose_delimiter() {
    const auto detected = detect_delimiter(lines_.text(), columns_.count());
    found().delimiter = format_.delimiter.value_or(detected.delimiter);
    if (!format_.delimiter && detected.rival)
      lines_.fail(cat("its delimiter may be ", text_of(detected.delimiter), " or ",
                      text_of(*detected.rival), ": they cut this line into as many fields"),
                  cat("say which one: --delimiter ", text_of(detected.delimiter)));
    lines_.separate_by(found().delimiter);
  }

  void read_row() {
    if (fields_.size() != columns_.count()) wrong_number_of_fields();
    if (table_.rows() == INT32_MAX) lines_.fail("there are more than 2^31 rows", "split the data");
    table_.user.push_back(users_.position(id(Column::user)));
    table_.item.push_back(items_.position(id(Column::item)));
    if (columns_.has(Column::rating)) (void)number(Column::rating);
    if (columns_.has(Column::timestamp)) add_time();
    if (columns_.has(Column::split_label)) table_.split.push_back(label());
  }

  [[noreturn]] void wrong_number_of_fields() const {
    const auto why =
        cat("it has ", fields_.size(), fields_.size() == 1 ? " field" : " fields", " and ",
            format_.columns.empty() ? "the header has " : "--columns names ", columns_.count());
    for (const auto& [delimiter, name] : choice_names<Delimiter>)
      if (delimiter != table_.found.delimiter &&
          fields_of_first_line(lines_.record(), delimiter) == columns_.count())
        lines_.fail(cat(why, "; the delimiter is ", text_of(table_.found.delimiter), ", and with ",
                        name, " this line would have ", columns_.count()),
                    "use one delimiter in the whole file; --delimiter NAME forces one");
    lines_.fail(why, format_.columns.empty()
                         ? "repair the line; if it is the last one, the file is truncated"
                         : "repair the line, or name all columns with --columns, - for each that "
                           "is to be skipped");
  }

  [[nodiscard]] std::string_view field(Column column) const {
    return fields_[columns_.place(column)];
  }

  [[nodiscard]] std::string_view id(Column column) const {
    const auto text = field(column);
    if (const auto fault = id_fault(text); !fault.empty())
      lines_.fail(cat(name_of(column), " ", printable(text), " ", fault),
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
      lines_.fail(cat(name_of(column), " ", printable(text), " is out of range"),
                  "repair the line");
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
      lines_.fail(cat(name_of(column), " ", printable(text), " is not a number",
                      column == Column::timestamp ? ", and no date like 2020-09-22" : ""),
                  "repair the line");
    if (!std::isfinite(value))
      lines_.fail(cat(name_of(column), " ", printable(text), " is not finite"),
                  "repair or remove the line");
    return value;
  }
  void add_time() {
    const auto text = field(Column::timestamp);
    const auto form = looks_like_date(text) ? TimeForm::date : TimeForm::number;
    if (table_.rows() > 1 && form != found().times)
      lines_.fail(
          cat("timestamp ", printable(text), form == TimeForm::date ? " is a date" : "",
              " stands below ", form == TimeForm::date ? "timestamps that are numbers" : "dates"),
          "write all timestamps in one form");
    found().times = form;
    const auto time = form == TimeForm::date ? date() : time_number();
    const bool first = table_.time.empty();
    found().first_time = first ? time.whole : std::min(found().first_time, time.whole);
    found().last_time = first ? time.whole : std::max(found().last_time, time.whole);
    table_.add_time(time);
  }
  [[nodiscard]] ExactTime date() const {
    const auto text = field(Column::timestamp);
    const auto time = date_time(text);
    if (!time)
      lines_.fail(cat("timestamp ", printable(text), " is no date of the calendar"),
                  "write dates like 2020-09-22, 2020-09-22T12:30:15 or "
                  "2020-09-22 12:30:15.250+02:00");
    return *time;
  }
  [[nodiscard]] ExactTime time_number() const {
    const double value = number(Column::timestamp);
    const auto text = field(Column::timestamp);
    if (value < 0)
      lines_.fail(cat("timestamp ", printable(text), " is negative"),
                  "count time from an earlier moment");
    bool fits = true;
    const auto time = exact_time(text, fits);
    if (!fits)
      lines_.fail(cat("timestamp ", printable(text), " is above 2^63 - 1"),
                  "repair the line; nanoseconds since 1970 are about 1.8e18");
    return time;
  }
  [[nodiscard]] std::uint8_t label() const {
    const double value = number(Column::split_label);
    if (value != 0 && value != 1 && value != 2)
      lines_.fail(cat("split_label ", printable(field(Column::split_label)), " has no meaning"),
                  "use 0 for training, 1 for validation, 2 for test");
    return std::uint8_t(value);
  }

  const std::string& path_;
  const CsvFormat& format_;
  CsvLines lines_;
  CsvColumns columns_;
  std::vector<std::string_view> fields_;
  Index users_, items_;
  InteractionTable table_;
};

}  // namespace

void InteractionTable::add_time(const ExactTime& t) {
  if (t.fraction != 0 && time_fraction.empty()) time_fraction.assign(time.size(), 0);
  time.push_back(t.whole);
  if (t.fraction != 0 || !time_fraction.empty()) time_fraction.push_back(t.fraction);
}

InteractionTable read_csv(const std::string& path, const CsvFormat& format) {
  const auto text = read_text(path);
  return Parser(text, path, format).parse();
}

}  // namespace fedfuse
