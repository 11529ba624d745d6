#include "data/write_dataset.hpp"

#include <algorithm>
#include <span>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/output_file.hpp"

namespace fedfuse {
namespace {

// What all ranks together write, from counts that were summed over them.
struct Totals {
  std::int64_t interactions = 0, first_interaction = 0, valid = 0, test = 0;
};

std::int64_t held_out(const std::vector<std::int32_t>& items) {
  return std::int64_t(items.size()) - std::count(items.begin(), items.end(), -1);
}

Totals total(const DatasetParts& parts, const Comm& comm) {
  const auto mine = std::int64_t(parts.train.size());
  return {comm.sum(mine), comm.exscan(mine), comm.sum(held_out(parts.valid)),
          comm.sum(held_out(parts.test))};
}

std::int64_t text_bytes(const std::vector<std::string>& texts) {
  std::size_t width = 0;
  for (const auto& t : texts) width = std::max(width, t.size());
  return std::int64_t(width * texts.size());
}

// At least what the file will take.
std::int64_t estimated_bytes(const DatasetParts& parts, const Totals& totals) {
  const auto floats = std::int64_t(parts.text.size() + parts.image.size() + parts.latent.size());
  return 4 * floats + 4 * totals.interactions + 24 * parts.clients + 8 * parts.items +
         text_bytes(parts.item_ids) + text_bytes(parts.client_ids) + (1 << 16);
}

void check_parts(const DatasetParts& parts) {
  const auto mine = parts.valid.size();
  FEDFUSE_CHECK(parts.offsets.size() == mine + 1 && parts.offsets.front() == 0 &&
                    parts.offsets.back() == std::int64_t(parts.train.size()),
                "offsets do not fit the clients");
  FEDFUSE_CHECK(parts.test.size() == mine && (parts.label.empty() || parts.label.size() == mine),
                "a block of clients has one size");
  for (const auto* features : {&parts.text, &parts.image, &parts.latent})
    FEDFUSE_CHECK(features->cols == 0 || features->rows == parts.items,
                  "features need one row for each item");
}

class Writer {
 public:
  Writer(const DatasetParts& parts, const Totals& totals, const std::string& path,
         OutputFile& output, const Comm& comm)
      : parts_(parts), totals_(totals), path_(path), output_(output), comm_(comm) {
    step([&] {
      file_.emplace_back(h5::File::create(output.partial(), comm.size() > 1 ? &comm : nullptr));
    });
  }
  void write() {
    write_attributes();
    write_clients();
    write_items();
    step([&] { file().close(); });
  }

 private:
  h5::File& file() { return file_.front(); }

  // One collective call of HDF5. If it fails on any rank, all ranks throw InputError, as for a full
  // disk.
  template <class Work>
  void step(Work&& work) {
    try {
      comm_.together(work);
    } catch (const InternalError& e) {
      output_.release_space();
      throw InputError(cat("cannot write ", path_), e.what(),
                       "free some space or write to another disk; nothing was kept");
    }
  }
  template <class T>
  void rows(const char* dataset, std::int64_t total_rows, std::int64_t first,
            std::span<const T> mine) {
    step([&] { file().write_rows<T>(dataset, total_rows, 0, first, mine); });
  }
  template <class T>
  void all(const char* dataset, std::int64_t cols, std::span<const T> values) {
    if (!values.empty()) step([&] { file().write_all<T>(dataset, cols, values); });
  }

  void write_attributes() {
    step([&] {
      file().set("/", "format", std::string(dataset_format));
      file().set("/", "schema_version", dataset_schema);
      file().set("/", "name", parts_.name);
      file().set("/", "created_by", parts_.created_by);
      file().set("/", "details", parts_.details);
      file().set("/", "clients", parts_.clients);
      file().set("/", "items", parts_.items);
      file().set("/", "train_interactions", totals_.interactions);
      file().set("/", "evaluated_valid", totals_.valid);
      file().set("/", "evaluated_test", totals_.test);
    });
  }

  void write_clients() {
    std::vector<std::int64_t> starts(parts_.offsets.begin(), parts_.offsets.end() - 1);
    for (auto& start : starts) start += totals_.first_interaction;
    // the last block ends the last client
    if (comm_.rank() == comm_.size() - 1) starts.push_back(totals_.interactions);
    rows<std::int64_t>("/interactions/offsets", parts_.clients + 1, parts_.first_client, starts);
    rows<std::int32_t>("/interactions/items", totals_.interactions, totals_.first_interaction,
                       parts_.train);
    rows<std::int32_t>("/split/valid", parts_.clients, parts_.first_client, parts_.valid);
    rows<std::int32_t>("/split/test", parts_.clients, parts_.first_client, parts_.test);
    if (comm_.max(std::int64_t(parts_.label.size())) > 0)
      rows<std::int32_t>("/clients/label", parts_.clients, parts_.first_client, parts_.label);
    if (!parts_.client_ids.empty())
      step([&] { file().write_strings("/clients/id", parts_.client_ids); });
  }

  void write_items() {
    modality("/items/text", "/items/has_text", parts_.text, parts_.has_text);
    modality("/items/image", "/items/has_image", parts_.image, parts_.has_image);
    all<float>("/items/latent", parts_.latent.cols, parts_.latent.span());
    all<std::int32_t>("/items/group", 0, parts_.item_group);
    if (!parts_.item_ids.empty()) step([&] { file().write_strings("/items/id", parts_.item_ids); });
  }
  void modality(const char* features, const char* mask, const Matrix<float>& values,
                const std::vector<std::uint8_t>& has) {
    if (values.cols == 0) return;
    all<float>(features, values.cols, values.span());
    all<std::uint8_t>(mask, 0, has);
  }

  const DatasetParts& parts_;
  const Totals& totals_;
  const std::string& path_;
  OutputFile& output_;
  const Comm& comm_;
  std::vector<h5::File> file_;  // one; made inside a step
};

}  // namespace

void write_dataset(const DatasetParts& parts, const std::string& path, bool overwrite,
                   const Comm& comm, const Stop& stop) {
  comm.together([&] { check_parts(parts); });
  const auto totals = total(parts, comm);
  OutputFile output(path, overwrite ? Existing::replace : Existing::refuse,
                    estimated_bytes(parts, totals), comm);
  Writer(parts, totals, path, output, comm).write();
  // What a full disk cut off without a word shows when the file is opened again.
  comm.on_root([&] { (void)h5::File::open(output.partial()); });
  comm.together([&] {
    if (is_asked(stop)) throw Stopped();
  });
  output.commit();
}

}  // namespace fedfuse
