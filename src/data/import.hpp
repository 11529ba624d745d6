#pragma once
// Other people's data: interactions as text (read_csv.hpp), features as NPY (read_npy.hpp), into
// one HDF5 data set.
//
// In this order (models.md section 1):
//   1. rows of the same (user, item) count once: the earliest in time; at equal times the one with
//      the largest split_label; without times the first in the file;
//   2. users with fewer than min_user and items with fewer than min_item interactions go, again and
//      again, until none is left (k-core); so do users whose rows a split_label holds out;
//   3. a split_label decides what is held out (at most one validation and one test item a user);
//      else the user's last interaction in time is its test item and the one before its validation
//      item; at equal times the item with the larger number counts as the later one;
//   4. without labels, a user with fewer than 3 interactions is trained on and not evaluated; with
//      labels nothing that is labelled 1 or 2 is ever trained on.
// With times the order of the file's rows decides nothing.
// Ids: users and items are numbered by ascending id when all ids are whole numbers, else by
// ascending bytes of the id (without times in the order of first appearance); the
// original ids are stored. Rows of features: item_rows.hpp. With features the items of the data set
// are all rows in their order, also those that never occur (cold items can be ranked), unless
// min_item > 1. A row of zeros: the item lacks that modality.
#include <cstdint>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/stop.hpp"
#include "data/read_csv.hpp"

namespace fedfuse {

struct ImportOptions {
  std::string inter;        // table of interactions
  CsvFormat format;         // of that table
  std::string text, image;  // NPY of features; empty: no item has that modality
  std::string item_ids;     // list of the ids of their rows; empty: row k belongs to item id k
  std::string out;          // the HDF5 file to write
  // of the data set; empty: the name of out without folder and .h5
  std::string name;
  std::int64_t min_user = 1;  // interactions that a user must have, >= 1
  std::int64_t min_item = 1;  // interactions that an item must have, >= 1
  bool overwrite = false;
  bool operator==(const ImportOptions&) const = default;
};

// Counts; trivially copyable, the same on every rank.
struct ImportReport {
  std::int64_t rows = 0, duplicates = 0;  // of the CSV
  // by the k-core filter
  std::int64_t dropped_users = 0, dropped_items = 0, dropped_interactions = 0;
  // among the dropped: every row is labelled as held out
  std::int64_t untrained_users = 0;
  std::int64_t users = 0, items = 0, interactions = 0;  // of the data set
  // rows of features without an interaction
  std::int64_t items_without_interactions = 0;
  // interactions; users evaluated
  std::int64_t train = 0, valid = 0, test = 0;
  // no held-out item: trained, not evaluated (by time: those with fewer than 3 interactions)
  std::int64_t not_evaluated = 0;
  // users whose held-out item is in no training set
  std::int64_t cold_valid = 0, cold_test = 0;
  // 0: no such features
  std::int64_t dim_text = 0, dim_image = 0;
  // items without the modality
  std::int64_t missing_text = 0, missing_image = 0;
  bool split_by_label = false;
  bool rows_listed = false;  // by --item-ids
  CsvFound found;            // in the table of interactions
};

// Collective: rank 0 reads and writes. InputError on all ranks.
// Stopped once stop asks between two steps of the work: then nothing is left behind.
[[nodiscard]] ImportReport import_dataset(const ImportOptions& options, const Comm& comm,
                                          const Stop& stop = {});

// What is likely to be wrong though it can be imported, one line each: most rows of features belong
// to no interaction; some times look like seconds and others like milliseconds.
[[nodiscard]] std::vector<std::string> warnings(const ImportReport& report);

// The report in words, several lines; the warnings are among them.
[[nodiscard]] std::string describe(const ImportReport& report);

}  // namespace fedfuse
