#pragma once
// Which row of the feature matrices belongs to which item.
//
// Two conventions. Without a list of ids, row k belongs to item id k. With one (--item-ids), row k
// belongs to its k-th id. The list is a text file with one id a line, or a table whose header has
// an item column (itemId, item, iid or movieId; the other columns are not read: MovieLens'
// movies.csv will do), with any delimiter of delimiter.hpp. Both may be compressed by gzip.
#include <cstdint>
#include <string>
#include <vector>

namespace fedfuse {

// Paths, for messages too.
struct ItemRowFiles {
  std::string inter, matrix;
  std::string ids;  // empty: row k belongs to item id k
};

// The ids in the order of the file. InputError with the line on what is no id, stands twice, or is
// no list.
[[nodiscard]] std::vector<std::string> read_item_ids(const std::string& path);

// The item id of each of the matrix' rows. InputError when the list has more or fewer ids than the
// matrix has rows.
[[nodiscard]] std::vector<std::string> ids_of_rows(const ItemRowFiles& files, std::int64_t rows);

// The row of each item. InputError when an item of the interactions has none.
[[nodiscard]] std::vector<std::int32_t> rows_of_items(const ItemRowFiles& files,
                                                      const std::vector<std::string>& row_ids,
                                                      const std::vector<std::string>& item_ids);

}  // namespace fedfuse
