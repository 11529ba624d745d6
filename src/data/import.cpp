#include "data/import.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/interactions.hpp"
#include "data/item_rows.hpp"
#include "data/output_file.hpp"
#include "data/read_csv.hpp"
#include "data/read_npy.hpp"
#include "data/write_dataset.hpp"

namespace fedfuse {
namespace {

// Rank 0's work.
class Importer {
 public:
  Importer(const ImportOptions& options, const Stop& stop) : options_(options), stop_(stop) {}

  ImportReport run() {
    check_options();
    table_ = read_csv(options_.inter, options_.format);
    stop_if_asked();
    if (!options_.text.empty()) text_ = read_npy(options_.text);
    stop_if_asked();
    if (!options_.image.empty()) image_ = read_npy(options_.image);
    stop_if_asked();
    report_.rows = table_.rows();
    report_.found = table_.found;
    report_.split_by_label = !table_.split.empty();
    report_.duplicates = drop_duplicates(table_);
    find_rows();
    filter();
    stop_if_asked();
    number_users_and_items();
    split();
    stop_if_asked();
    parts_.text = take_rows(text_, parts_.has_text, report_.dim_text, report_.missing_text);
    parts_.image = take_rows(image_, parts_.has_image, report_.dim_image, report_.missing_image);
    write();
    return report_;
  }

 private:
  void stop_if_asked() const {
    if (is_asked(stop_)) throw Stopped();
  }
  [[nodiscard]] std::int64_t feature_rows() const { return std::max(text_.rows, image_.rows); }

  void check_options() const {
    if (options_.inter.empty())
      throw InputError("import needs interactions", "--inter is empty",
                       "name the file of interactions with --inter");
    if (options_.out.empty())
      throw InputError("import needs an output file", "--out is empty",
                       "name the HDF5 file to write with --out");
    if (!options_.item_ids.empty() && options_.text.empty() && options_.image.empty())
      throw InputError("--item-ids has no use", "there is no matrix whose rows it would name",
                       "add --text or --image, or leave it out");
    for (const auto& [option, value] :
         {std::pair("--min-user ", options_.min_user), std::pair("--min-item ", options_.min_item)})
      if (value < 1 || value > std::numeric_limits<std::int32_t>::max())
        throw InputError(cat(option, value, " is impossible"), "it counts interactions",
                         "choose a number from 1 to 2147483647");
  }

  // Which row belongs to which item must be certain.
  void find_rows() {
    if (feature_rows() == 0) return;
    if (text_.rows > 0 && image_.rows > 0 && text_.rows != image_.rows)
      throw InputError(cat(options_.text, " and ", options_.image, " do not fit each other"),
                       cat("they have ", text_.rows, " and ", image_.rows, " rows"),
                       "give both one row for each item, zeros where an item lacks the modality");
    const ItemRowFiles files{.inter = options_.inter,
                             .matrix = text_.rows > 0 ? options_.text : options_.image,
                             .ids = options_.item_ids};
    row_ids_ = ids_of_rows(files, feature_rows());
    row_of_item_ = rows_of_items(files, row_ids_, table_.item_ids);
    report_.rows_listed = !options_.item_ids.empty();
  }

  void filter() {
    const auto before = table_.rows();
    report_.untrained_users = users_held_out_whole(table_);
    if (report_.untrained_users == std::int64_t(table_.user_ids.size()))
      throw InputError(cat("nothing of ", options_.inter, " can be trained on"),
                       "its split_label holds out every row", "label the rows to train on 0");
    core_ = keep_core(table_, options_.min_user, options_.min_item);
    if (table_.rows() == 0)
      throw InputError(cat("nothing of ", options_.inter, " is left"),
                       cat("no users have ", options_.min_user,
                           " interactions with items that have ", options_.min_item),
                       "lower --min-user or --min-item");
    report_.dropped_interactions = before - table_.rows();
    report_.dropped_users = std::count(core_.user.begin(), core_.user.end(), 0);
    report_.dropped_items = std::count(core_.item.begin(), core_.item.end(), 0);
    report_.interactions = table_.rows();
  }

  static std::vector<std::string> in_order(const std::vector<std::string>& ids,
                                           const std::vector<std::int32_t>& position,
                                           std::int64_t n) {
    std::vector<std::string> ordered(static_cast<std::size_t>(n));
    for (std::size_t k = 0; k < ids.size(); ++k)
      if (position[k] >= 0) ordered[std::size_t(position[k])] = ids[k];
    return ordered;
  }

  // Chooses the rows of features that become items; position of each item among them.
  std::vector<std::int32_t> number_by_rows() {
    const bool all_rows = options_.min_item == 1;
    std::vector<std::uint8_t> taken(row_ids_.size(), all_rows ? 1 : 0);
    for (std::size_t k = 0; k < row_of_item_.size(); ++k)
      if (core_.item[k] != 0) taken[std::size_t(row_of_item_[k])] = 1;
    std::vector<std::int32_t> place(row_ids_.size(), -1);
    for (std::size_t row = 0; row < taken.size(); ++row) {
      if (taken[row] == 0) continue;
      place[row] = std::int32_t(rows_taken_.size());
      rows_taken_.push_back(std::int32_t(row));
    }
    std::vector<std::int32_t> position;
    for (const auto row : row_of_item_) position.push_back(place[std::size_t(row)]);
    return position;
  }

  void number_users_and_items() {
    // With times nothing depends on the order of the file.
    const auto order = table_.has_times() ? TextOrder::by_bytes : TextOrder::by_appearance;
    const auto user_place = number_ids(table_.user_ids, core_.user, order);
    const auto item_place =
        feature_rows() > 0 ? number_by_rows() : number_ids(table_.item_ids, core_.item, order);
    parts_.clients = std::count(core_.user.begin(), core_.user.end(), 1);
    if (feature_rows() > 0) {
      parts_.items = std::int64_t(rows_taken_.size());
      for (const auto row : rows_taken_) parts_.item_ids.push_back(row_ids_[std::size_t(row)]);
    } else {
      parts_.items = std::count(core_.item.begin(), core_.item.end(), 1);
      parts_.item_ids = in_order(table_.item_ids, item_place, parts_.items);
    }
    parts_.client_ids = in_order(table_.user_ids, user_place, parts_.clients);
    for (auto& u : table_.user) u = user_place[std::size_t(u)];
    for (auto& i : table_.item) i = item_place[std::size_t(i)];
    report_.users = parts_.clients;
    report_.items = parts_.items;
  }

  void split() {
    auto split = split_interactions(table_, parts_.client_ids);
    for (std::int64_t u = 0; u < parts_.clients; ++u)
      if (split.offsets[std::size_t(u) + 1] - split.offsets[std::size_t(u)] +
              (split.valid[std::size_t(u)] >= 0) + (split.test[std::size_t(u)] >= 0) >=
          parts_.items)
        throw InputError(cat("cannot train on ", options_.inter),
                         cat("user ", parts_.client_ids[std::size_t(u)], " interacts with all ",
                             parts_.items, " items, so it has no negatives"),
                         "add items or remove this user");
    count_split(split);
    parts_.offsets = std::move(split.offsets);
    parts_.train = std::move(split.train);
    parts_.valid = std::move(split.valid);
    parts_.test = std::move(split.test);
  }

  void count_split(const Split& split) {
    std::vector<std::uint8_t> trained(std::size_t(parts_.items), 0),
        occurs(std::size_t(parts_.items), 0);
    for (const auto i : split.train) trained[std::size_t(i)] = 1;
    for (const auto i : table_.item) occurs[std::size_t(i)] = 1;
    const auto count = [](const std::vector<std::int32_t>& held, auto&& which) {
      return std::int64_t(std::count_if(held.begin(), held.end(), which));
    };
    const auto exists = [](std::int32_t i) { return i >= 0; };
    const auto cold = [&](std::int32_t i) { return i >= 0 && trained[std::size_t(i)] == 0; };
    report_.train = std::int64_t(split.train.size());
    report_.valid = count(split.valid, exists);
    report_.test = count(split.test, exists);
    report_.cold_valid = count(split.valid, cold);
    report_.cold_test = count(split.test, cold);
    report_.not_evaluated = split.not_evaluated;
    report_.items_without_interactions = std::count(occurs.begin(), occurs.end(), 0);
  }

  // The rows of the items that stay, in their order; a row of zeros is a missing modality.
  Matrix<float> take_rows(const Matrix<float>& all, std::vector<std::uint8_t>& has,
                          std::int64_t& dim, std::int64_t& missing) const {
    dim = all.cols;
    missing = all.cols == 0 ? parts_.items : 0;
    if (all.cols == 0) return {};
    Matrix<float> rows(parts_.items, all.cols);
    has.assign(std::size_t(parts_.items), 0);
    for (std::int64_t i = 0; i < parts_.items; ++i) {
      const auto* from = all.row(rows_taken_[std::size_t(i)]);
      std::copy_n(from, all.cols, rows.row(i));
      has[std::size_t(i)] = std::any_of(from, from + all.cols, [](float x) { return x != 0.0f; });
      missing += has[std::size_t(i)] == 0;
    }
    return rows;
  }

  void write() {
    namespace fs = std::filesystem;
    parts_.name = options_.name.empty() ? fs::path(without_h5(options_.out)).filename().string()
                                        : options_.name;
    parts_.created_by = "fedfuse import";
    const auto file_name = [](const std::string& path) {
      return fs::path(path).filename().string();
    };
    parts_.details =
        nlohmann::ordered_json{{"inter", file_name(options_.inter)},
                               {"delimiter", text_of(report_.found.delimiter)},
                               {"columns", options_.format.columns},
                               {"text", file_name(options_.text)},
                               {"image", file_name(options_.image)},
                               {"item_ids", file_name(options_.item_ids)},
                               {"min_user", options_.min_user},
                               {"min_item", options_.min_item},
                               {"rows", report_.rows},
                               {"duplicates", report_.duplicates},
                               {"dropped_users", report_.dropped_users},
                               {"dropped_items", report_.dropped_items},
                               {"dropped_interactions", report_.dropped_interactions},
                               {"not_evaluated", report_.not_evaluated},
                               {"split_by", report_.split_by_label ? "split_label" : "timestamp"}}
            .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    write_dataset(parts_, options_.out, options_.overwrite, Comm::self(), stop_);
  }

  const ImportOptions& options_;
  const Stop& stop_;
  InteractionTable table_;
  Matrix<float> text_, image_;             // as in the files
  std::vector<std::string> row_ids_;       // of each row of the features
  std::vector<std::int32_t> row_of_item_;  // of each item of the table
  std::vector<std::int32_t> rows_taken_;   // of each item of the data set
  Core core_;
  DatasetParts parts_;
  ImportReport report_;
};

}  // namespace

ImportReport import_dataset(const ImportOptions& options, const Comm& comm, const Stop& stop) {
  const OutputClaims claims({{"--out", options.out}},
                            {{"--inter", options.inter},
                             {"--text", options.text},
                             {"--image", options.image},
                             {"--item-ids", options.item_ids}},
                            options.overwrite, comm);
  ImportReport report;
  comm.on_root([&] { report = Importer(options, stop).run(); });
  comm.broadcast(std::span(&report, 1));
  return report;
}

}  // namespace fedfuse
