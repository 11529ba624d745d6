#include "data/read_dataset.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/partition.hpp"
#include "data/write_dataset.hpp"

namespace fedfuse {
namespace {

class Reader {
 public:
  Reader(const std::string& path, int rank, int ranks)
      : file_(h5::File::open(path)), rank_(rank), ranks_(ranks) {
    data_.path = path;
  }

  Dataset read() {
    read_attributes();
    read_offsets();
    choose_clients();
    read_held_out();
    read_interactions();
    read_modality("/items/text", "/items/has_text", data_.text, data_.has_text);
    read_modality("/items/image", "/items/has_image", data_.image, data_.has_image);
    return std::move(data_);
  }

 private:
  [[noreturn]] void damaged(const std::string& why) const {
    throw InputError(cat("cannot use ", data_.path), why,
                     "make the data set again with `fedfuse generate` or `fedfuse import`");
  }
  void require(bool good, const char* why) const {
    if (!good) damaged(why);
  }
  // Strided rows of per-client data are read whole: N words, next to nothing beside the
  // interactions.
  template <class T>
  Array<T> read_vector(const char* dataset, std::int64_t length) const {
    const auto shape = file_.shape(dataset);
    if (shape.size() != 1 || shape[0] != length)
      damaged(cat(dataset, " must have ", length, " values"));
    return file_.read_all<T>(dataset);
  }

  void read_attributes() {
    if (!file_.has_attribute("/", "format") || file_.text("/", "format") != dataset_format)
      throw InputError(cat("cannot use ", data_.path), "it is HDF5, but not a fedfuse data set",
                       "make one with `fedfuse generate` or `fedfuse import`");
    if (const auto schema = file_.integer("/", "schema_version"); schema != dataset_schema)
      damaged(cat("it has schema version ", schema, ", and this fedfuse reads version ",
                  dataset_schema));
    data_.name = file_.text("/", "name");
    data_.clients = file_.integer("/", "clients");
    data_.items = file_.integer("/", "items");
    data_.train_interactions = file_.integer("/", "train_interactions");
    require(data_.clients >= 1 && data_.clients < INT32_MAX,
            "it has no clients, or more than 2^31");
    require(data_.items >= 1 && data_.items < INT32_MAX, "it has no items, or more than 2^31");
    // A file of ours holds an id or a topic of each item. One of another program may not, but
    // nobody interacts with most of so many.
    constexpr std::int64_t most_items_a_byte = 16;
    if (data_.items / most_items_a_byte > file_.bytes())
      damaged(cat("it declares ", data_.items, " items in ", file_.bytes(), " bytes"));
  }

  void read_offsets() {
    offsets_ = read_vector<std::int64_t>("/interactions/offsets", data_.clients + 1);
    require(offsets_.front() == 0 && offsets_.back() == data_.train_interactions,
            "/interactions/offsets does not span the interactions");
    for (std::size_t u = 1; u < offsets_.size(); ++u)
      if (offsets_[u] <= offsets_[u - 1])
        damaged(cat("client ", u - 1,
                    " has no training interactions, or /interactions/offsets descends"));
    const auto shape = file_.shape("/interactions/items");
    require(shape.size() == 1 && shape[0] == data_.train_interactions,
            "/interactions/items does not fit its offsets");
  }

  void choose_clients() {
    std::vector<std::int64_t> work(std::size_t(data_.clients));
    for (std::size_t u = 0; u < work.size(); ++u) work[u] = offsets_[u + 1] - offsets_[u];
    const auto rank_of = partition_clients(work, ranks_);
    std::vector<std::int64_t> own_work;
    data_.offsets.push_back(0);
    for (std::size_t u = 0; u < work.size(); ++u)
      if (rank_of[u] == rank_) {
        data_.client_ids.push_back(std::int32_t(u));
        own_work.push_back(work[u]);
        data_.offsets.push_back(data_.offsets.back() + work[u]);
      }
    data_.heaviest_first = heaviest_first(own_work);
  }

  std::vector<std::int32_t> own(const Array<std::int32_t>& of_all) const {
    std::vector<std::int32_t> mine;
    mine.reserve(data_.client_ids.size());
    for (const auto u : data_.client_ids) mine.push_back(of_all[std::size_t(u)]);
    return mine;
  }

  void read_held_out() {
    const auto valid = read_vector<std::int32_t>("/split/valid", data_.clients);
    const auto test = read_vector<std::int32_t>("/split/test", data_.clients);
    for (std::int64_t u = 0; u < data_.clients; ++u) {
      const auto v = valid[std::size_t(u)], t = test[std::size_t(u)];
      if (v < -1 || t < -1 || v >= data_.items || t >= data_.items || (v >= 0 && v == t))
        damaged(cat("the held-out items of client ", u, " (", v, ", ", t,
                    ") are out of range or the same"));
    }
    data_.valid = own(valid);
    data_.test = own(test);
    data_.label.assign(data_.client_ids.size(), -1);
    if (file_.has("/clients/label"))
      data_.label = own(read_vector<std::int32_t>("/clients/label", data_.clients));
  }

  // All interactions pass by in blocks: popularity counts them all, own clients keep theirs.
  void read_interactions() {
    constexpr std::int64_t block_size = std::int64_t(1) << 22;
    data_.popularity.assign(std::size_t(data_.items), 0);
    data_.train.reserve(std::size_t(data_.offsets.back()));
    std::size_t next = 0;  // own client that comes next
    std::int64_t client = 0;
    for (std::int64_t first = 0; first < data_.train_interactions; first += block_size) {
      const auto count = std::min(block_size, data_.train_interactions - first);
      const auto block = file_.read_rows<std::int32_t>("/interactions/items", first, count);
      for (std::int64_t k = 0; k < count; ++k) {
        const auto item = block[std::size_t(k)];
        if (item < 0 || item >= data_.items)
          damaged(cat("interaction ", first + k, " names item ", item, " of ", data_.items));
        ++data_.popularity[std::size_t(item)];
        while (first + k >= offsets_[std::size_t(client) + 1]) ++client;
        while (next < data_.client_ids.size() && data_.client_ids[next] < client) ++next;
        if (next < data_.client_ids.size() && data_.client_ids[next] == client)
          data_.train.push_back(item);
      }
    }
    for (std::int64_t local = 0; local < data_.local_clients(); ++local) check_client(local);
  }

  void check_client(std::int64_t local) const {
    const auto items = data_.positives(local);
    const auto client = data_.client_ids[std::size_t(local)];
    for (std::size_t k = 1; k < items.size(); ++k)
      if (items[k] <= items[k - 1])
        damaged(cat("the items of client ", client, " are not ascending"));
    std::int64_t known = std::int64_t(items.size());
    for (const auto held : {data_.valid[std::size_t(local)], data_.test[std::size_t(local)]}) {
      if (held < 0) continue;
      ++known;
      if (std::binary_search(items.begin(), items.end(), held))
        damaged(cat("client ", client, " trains on its held-out item ", held));
    }
    if (known >= data_.items)
      throw InputError(cat("cannot use ", data_.path),
                       cat("client ", client, " interacts with every item, so it has no negatives"),
                       "add items or drop this client");
  }

  void read_modality(const char* features, const char* mask, Matrix<float>& values,
                     std::vector<std::uint8_t>& has) const {
    has.assign(std::size_t(data_.items), 0);
    values = Matrix<float>(data_.items, 0);
    if (!file_.has(features)) return;
    const auto shape = file_.shape(features);
    if (shape.size() != 2 || shape[0] != data_.items || shape[1] < 1)
      damaged(cat(features, " must have ", data_.items, " rows, in two dimensions"));
    values = file_.read_matrix<float>(features);
    for (std::size_t k = 0; k < values.values.size(); ++k)
      if (!std::isfinite(values.values[k]))
        damaged(cat(features, " holds a value that is not finite, in the row of item ",
                    std::int64_t(k) / values.cols));
    const auto flags = read_vector<std::uint8_t>(mask, data_.items);
    std::transform(flags.begin(), flags.end(), has.begin(),
                   [](std::uint8_t flag) { return std::uint8_t(flag != 0); });
  }

  h5::File file_;
  int rank_, ranks_;
  Dataset data_;
  Array<std::int64_t> offsets_;  // of all clients
};

}  // namespace

Dataset read_dataset(const std::string& path, const Comm& comm) {
  Dataset data;
  comm.together([&] {
    try {
      data = Reader(path, comm.rank(), comm.size()).read();
    } catch (const InternalError& e) {  // HDF5 could not read or convert: the file's fault
      throw InputError(cat("cannot use ", path), cat("it is damaged: ", e.what()),
                       "make the data set again with `fedfuse generate` or `fedfuse import`");
    }
  });
  return data;
}

}  // namespace fedfuse
