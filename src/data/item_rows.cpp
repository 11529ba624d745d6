#include "data/item_rows.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/csv_columns.hpp"
#include "data/csv_lines.hpp"
#include "data/delimiter.hpp"
#include "data/id_text.hpp"
#include "data/interactions.hpp"
#include "data/read_text.hpp"

namespace fedfuse {
namespace {

class ListReader {
 public:
  ListReader(std::string_view text, const std::string& path) : path_(path), lines_(text, path) {}

  std::vector<std::string> read() {
    choose_delimiter();
    if (!lines_.next(fields_)) no_ids();
    columns_ = fields_.size();
    if (!read_header()) add_id();
    while (lines_.next(fields_)) add_id();
    if (ids_.empty()) no_ids();
    return std::move(ids_);
  }

 private:
  [[noreturn]] void no_ids() const {
    throw InputError(cat("cannot use ", path_), "it lists no item",
                     "give one item id a line, in the order of the matrix' rows");
  }

  // Without a first line that names the item, an id is all that stands in its line; commas and
  // tabs, which separate fields nearly always, are refused in it.
  void choose_delimiter() {
    const auto found = detect_delimiter(lines_.text(), 0).delimiter;
    CsvLines first(lines_.text(), path_);
    first.separate_by(found);
    std::vector<std::string_view> fields;
    const bool named = first.next(fields) && std::ranges::any_of(fields, names_items);
    if (named || found == Delimiter::tab) lines_.separate_by(found);
  }

  // Whether the first line names the columns.
  bool read_header() {
    const auto named = std::ranges::count_if(fields_, names_items);
    if (named > 1) lines_.fail("there are two columns for itemId", "keep one of them");
    if (named == 0 && columns_ > 1)
      lines_.fail(cat("it has ", columns_, " columns, and none is named itemId"),
                  "give one item id a line, or a CSV whose first line names a column itemId");
    if (named == 1)
      column_ = std::size_t(std::ranges::find_if(fields_, names_items) - fields_.begin());
    return named == 1;
  }

  void add_id() {
    if (fields_.size() != columns_)
      lines_.fail(cat("it has ", fields_.size(), " fields and the first line has ", columns_),
                  "repair the line, or put quotes around an id with a separator in it");
    const auto id = fields_[column_];
    if (const auto fault = id_fault(id); !fault.empty())
      lines_.fail(cat("item id ", printable(id), " ", fault), "repair the line");
    const auto [place, added] = line_of_.try_emplace(id, lines_.line());
    if (!added)
      lines_.fail(cat("item id ", printable(id), " stands on line ", place->second, " already"),
                  "a row belongs to one item: give each id once, and its row once");
    if (ids_.size() == std::size_t(INT32_MAX))
      lines_.fail("there are more than 2^31 ids", "split the data");
    ids_.emplace_back(id);
  }

  const std::string& path_;
  CsvLines lines_;
  std::size_t columns_ = 0;
  std::size_t column_ = 0;
  std::vector<std::string_view> fields_;
  std::unordered_map<std::string_view, std::int64_t> line_of_;
  std::vector<std::string> ids_;
};

// How many of the items have no row.
using Rows = std::unordered_map<std::string_view, std::int32_t>;
std::int64_t without_row(const Rows& rows, const std::vector<std::string>& item_ids) {
  return std::ranges::count_if(item_ids, [&](const auto& id) { return !rows.contains(id); });
}

[[noreturn]] void refuse(const ItemRowFiles& files, const Rows& rows,
                         const std::vector<std::string>& item_ids, const std::string& id) {
  const auto counts =
      cat("it has ", rows.size(), " rows, and ", files.inter, " names ", item_ids.size(),
          " items, of which ", without_row(rows, item_ids), " have no row");
  if (!files.ids.empty())
    throw InputError(cat(files.ids, " does not list item ", printable(id)),
                     cat("row k of ", files.matrix, " belongs to its k-th id; ", counts),
                     "add the missing ids and their rows (zeros where an item lacks the modality), "
                     "or remove the items' interactions");
  const std::string list = "give the ids of the rows in their order with --item-ids FILE, or ";
  if (whole_number(id) < 0)
    throw InputError(cat("cannot tell which row of ", files.matrix, " belongs to item ", id),
                     "row k belongs to item id k, and this id is not a whole number",
                     cat(list, "number the items 0, 1, ... in the order of the rows"));
  throw InputError(
      cat(files.matrix, " has no row for item ", id),
      cat("row k belongs to item id k, for the ids 0 to ", rows.size() - 1, "; ", counts),
      cat(list,
          "add the missing rows, or number the items 0, 1, ... in the order of "
          "the rows (not 1, 2, ...)"));
}

}  // namespace

std::vector<std::string> read_item_ids(const std::string& path) {
  const auto text = read_text(path);
  return ListReader(text, path).read();
}

std::vector<std::string> ids_of_rows(const ItemRowFiles& files, std::int64_t rows) {
  std::vector<std::string> ids;
  if (files.ids.empty()) {
    for (std::int64_t row = 0; row < rows; ++row) ids.push_back(std::to_string(row));
    return ids;
  }
  ids = read_item_ids(files.ids);
  if (std::int64_t(ids.size()) != rows)
    throw InputError(cat(files.ids, " and ", files.matrix, " do not fit each other"),
                     cat("there are ", ids.size(), " ids and ", rows, " rows"),
                     "give one id for each row, in the order of the rows");
  return ids;
}

std::vector<std::int32_t> rows_of_items(const ItemRowFiles& files,
                                        const std::vector<std::string>& row_ids,
                                        const std::vector<std::string>& item_ids) {
  Rows rows;
  for (const auto& id : row_ids) rows.emplace(id, std::int32_t(rows.size()));
  std::vector<std::int32_t> result;
  for (const auto& id : item_ids) {
    const auto place = rows.find(id);
    if (place == rows.end()) refuse(files, rows, item_ids, id);
    result.push_back(place->second);
  }
  return result;
}

}  // namespace fedfuse
