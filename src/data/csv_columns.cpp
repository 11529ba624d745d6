#include "data/csv_columns.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

#include "core/choice.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/id_text.hpp"

namespace fedfuse {
namespace {

constexpr std::array<std::string_view, column_kinds> column_names{"userId", "itemId", "rating",
                                                                  "timestamp", "split_label"};
// of --columns
constexpr std::array<std::string_view, column_kinds> short_names{"user", "item", "rating",
                                                                 "timestamp", "split_label"};
constexpr std::array<std::pair<std::string_view, Column>, 15> known_names{
    {{"userid", Column::user},
     {"user", Column::user},
     {"uid", Column::user},
     {"itemid", Column::item},
     {"item", Column::item},
     {"iid", Column::item},
     {"movieid", Column::item},
     {"rating", Column::rating},
     {"timestamp", Column::timestamp},
     {"time", Column::timestamp},
     {"date", Column::timestamp},
     {"datetime", Column::timestamp},
     {"splitlabel", Column::split_label},
     {"split", Column::split_label},
     {"xlabel", Column::split_label}}};
constexpr std::array numbers{Column::rating, Column::timestamp, Column::split_label};
constexpr std::string_view example = "--columns user,item,rating,timestamp";

std::optional<Column> known(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') text += char(std::tolower(static_cast<unsigned char>(c)));
  const auto* const entry =
      std::ranges::find(known_names, text, &std::pair<std::string_view, Column>::first);
  return entry == known_names.end() ? std::nullopt : std::optional(entry->second);
}

bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words(1);
  for (const char c : list)
    if (c == ',')
      words.emplace_back();
    else if (c != ' ')
      words.back() += c;
  return words;
}

// --columns of a first line that has other columns, too.
std::string option_of(const std::vector<std::string_view>& fields) {
  std::vector<std::string> words;
  for (const auto& field : fields) {
    const auto column = known(field);
    words.emplace_back(column ? short_names[std::size_t(*column)] : "-");
  }
  return joined(words, ",");
}

[[noreturn]] void unknown_name(std::string_view name, const std::vector<std::string_view>& fields,
                               const CsvLines& lines) {
  if (is_number(name))
    lines.fail(cat("it names no columns: ", printable(name), " is a number"),
               cat("if the file has no header, name the columns in their order: ", example));
  lines.fail(cat("there is a column that fedfuse does not know: ", printable(name)),
             cat("known are userId, itemId (or movieId), rating, timestamp, split_label; name all "
                 "columns in their order, - for each to be skipped: --columns ",
                 option_of(fields)));
}

[[noreturn]] void refuse_option(const std::string& words, const std::string& why,
                                const std::string& what_to_do) {
  throw InputError(cat("cannot use --columns ", words), why, what_to_do);
}

}  // namespace

std::string_view name_of(Column column) { return column_names[std::size_t(column)]; }

bool names_items(std::string_view field) { return known(field) == Column::item; }

bool CsvColumns::take(Column column) {
  if (has(column)) return false;
  place_[std::size_t(column)] = int(count_++);
  return true;
}

std::string CsvColumns::what_is_missing() const {
  for (const auto needed : {Column::user, Column::item})
    if (!has(needed)) return cat("there is no column ", name_of(needed));
  if (!has(Column::timestamp) && !has(Column::split_label))
    return "there is neither a column timestamp nor split_label, and one of them must tell which "
           "interactions are held out";
  return "";
}

CsvColumns CsvColumns::of_header(const std::vector<std::string_view>& fields,
                                 const CsvLines& lines) {
  CsvColumns columns;
  for (const auto& field : fields) {
    const auto column = known(field);
    if (!column) unknown_name(field, fields, lines);
    if (!columns.take(*column))
      lines.fail(cat("there are two columns for ", name_of(*column)),
                 cat("keep one of them, or skip one: ", example, ",-"));
  }
  if (const auto missing = columns.what_is_missing(); !missing.empty())
    lines.fail(missing, cat("name the columns in the first line, like "
                            "userId,itemId,rating,timestamp, or with ",
                            example));
  return columns;
}

CsvColumns CsvColumns::of_option(const std::string& words) {
  CsvColumns columns;
  for (const auto& word : words_of(words)) {
    if (word == "-") {
      ++columns.count_;
      continue;
    }
    const auto column = known(word);
    if (!column) {
      const auto near = nearest_word(word, {short_names.begin(), short_names.end()});
      refuse_option(words, cat(printable(word), " is no column that fedfuse knows"),
                    cat(near.empty() ? "" : cat("did you mean ", near, "? "),
                        "write user, item, rating, timestamp or split_label, and - for a column "
                        "to skip"));
    }
    if (!columns.take(*column))
      refuse_option(words, cat("there are two columns for ", name_of(*column)),
                    "keep one of them, and write - for the other one");
  }
  if (const auto missing = columns.what_is_missing(); !missing.empty())
    refuse_option(words, missing, cat("name all columns in their order, as ", example));
  return columns;
}

bool CsvColumns::is_header(const std::vector<std::string_view>& fields) const {
  if (fields.size() != count_) return false;
  return std::ranges::all_of(numbers, [&](Column column) {
    if (!has(column)) return true;
    const auto field = fields[place(column)];
    const bool starts_as_word =
        !field.empty() && (std::isalpha(static_cast<unsigned char>(field[0])) || field[0] == '_');
    return starts_as_word && !is_number(field);
  });
}

void CsvColumns::check_header(const std::vector<std::string_view>& fields,
                              const CsvLines& lines) const {
  for (std::size_t k = 0; k < column_kinds; ++k) {
    const auto column = Column(k);
    if (!has(column) || place(column) >= fields.size()) continue;
    const auto field = fields[place(column)];
    if (const auto named = known(field); named && *named != column)
      lines.fail(cat("it names column ", place(column) + 1, " ", printable(field),
                     ", and --columns says ", name_of(column)),
                 "correct --columns: it names the columns in the order of the file");
  }
}

}  // namespace fedfuse
