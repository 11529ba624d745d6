#include "results/checkpoint_archive.hpp"

#include <algorithm>
#include <numeric>

#include "results/overlay_block.hpp"

namespace fedfuse {
namespace {

std::string path_of(const std::string& name) { return "/state/" + name; }

}  // namespace

std::int64_t ArchiveSize::bytes() const {
  constexpr std::int64_t names_of_a_dataset = 1024, header = 1 << 17;
  return shared_ + comm_.sum(mine_) + names_of_a_dataset * datasets_ + header;
}
void ArchiveSize::overlay(const std::string&, OverlayStore& rows) {
  const auto held = rows.total_rows();
  add_mine(std::size_t(4 * rows.clients()));
  add_mine(std::size_t(4 * held));
  add_mine(std::size_t(4 * held * rows.width()));
}

ArchiveWriter::ArchiveWriter(ResultSink& sink, const Dataset& data)
    : sink_(sink), all_clients_(data.clients), order_(data.client_ids, data.clients, sink.comm()) {}

template <class T>
void ArchiveWriter::write_shared(const std::string& name, std::int64_t cols,
                                 std::span<const T> values) {
  const auto path = path_of(name);
  sink_.plain_all<T>(path, cols, values);
  checksums_[path] =
      joined_over_ranks(sink_.comm().root() ? crc32_of(values) : Crc32{}, sink_.comm());
}
template <class T>
void ArchiveWriter::write_block(const std::string& path, std::int64_t total, std::int64_t cols,
                                std::int64_t first, std::span<const T> block) {
  sink_.plain_rows<T>(path, total, cols, first, block);
  checksums_[path] = joined_over_ranks(crc32_of(block), sink_.comm());
}
void ArchiveWriter::rows(const std::string& name, const RowSplit& split, std::int64_t cols,
                         std::span<float> values) {
  write_block<float>(path_of(name), split.rows * cols, 0, split.my_first() * cols, values);
}
template <class T>
void ArchiveWriter::write_clients(const std::string& name, std::int64_t width,
                                  std::span<const T> values) {
  if (width == 0 || sink_.comm().max(std::int64_t(values.size())) == 0) return;
  const auto block = order_.to_block<T>(values, width);
  write_block<T>(path_of(name), all_clients_, width, order_.first(), block);
}
void ArchiveWriter::text(const std::string& name, std::string& value) {
  sink_.comm().broadcast(value);
  write_shared<std::uint8_t>(name, 0,
                             {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
}
void ArchiveWriter::overlay(const std::string& name, OverlayStore& rows) {
  const auto block = block_of(rows, order_, sink_.comm());
  write_block<std::int32_t>(path_of(name + "/counts"), all_clients_, 0, order_.first(),
                            block.counts);
  write_block<std::int32_t>(path_of(name + "/items"), block.total, 0, block.before, block.items);
  write_block<float>(path_of(name + "/rows"), block.total, rows.width(), block.before, block.rows);
}

ArchiveReader::ArchiveReader(const std::string& path, const Dataset& data, const Comm& comm)
    : comm_(comm),
      file_(h5::File::open(path, comm)),
      all_clients_(data.clients),
      all_items_(data.items),
      order_(data.client_ids, data.clients, comm) {}

bool ArchiveReader::has(const std::string& name) const {
  bool there = false;
  comm_.together([&] { there = file_.has(path_of(name)); });
  return there;
}

template <class T>
void ArchiveReader::read_shared(const std::string& name, std::span<T> values) {
  std::ranges::copy(
      read_block<T>(name, std::int64_t(values.size()), 0, std::int64_t(values.size()), 0),
      values.begin());
}
void ArchiveReader::rows(const std::string& name, const RowSplit& split, std::int64_t cols,
                         std::span<float> values) {
  std::ranges::copy(read_block<float>(name, split.rows * cols, split.my_first() * cols,
                                      std::int64_t(values.size()), 0),
                    values.begin());
}
template <class T>
void ArchiveReader::read_matrix(const std::string& name, Matrix<T>& values) {
  comm_.together([&] {
    const auto shape = file_.shape(path_of(name));
    // 1-D: it was empty
    values = shape.size() == 2 ? file_.read_matrix<T>(path_of(name)) : Matrix<T>();
  });
}
template <class T>
void ArchiveReader::read_clients(const std::string& name, std::int64_t width, std::span<T> values) {
  if (width == 0 || comm_.max(std::int64_t(values.size())) == 0) return;
  const auto block = read_block<T>(name, all_clients_, order_.first(), order_.count(), width);
  std::ranges::copy(order_.to_local<T>(std::span<const T>(block), width), values.begin());
}
// Rows [first, first + count) of `total`. width 0: 1-D.
template <class T>
Array<T> ArchiveReader::read_block(const std::string& name, std::int64_t total, std::int64_t first,
                                   std::int64_t count, std::int64_t width) const {
  Array<T> values;
  comm_.together([&] {
    const auto path = path_of(name);
    const auto shape = file_.shape(path);
    const auto wanted = width == 0 ? h5::Dims{total} : h5::Dims{total, width};
    if (shape != wanted)
      throw InputError(cat("cannot go on from ", file_.path()),
                       cat(path, " has another shape than this run"),
                       "start again without --resume");
    values = file_.read_rows<T>(path, first, count, wanted);
  });
  return values;
}
void ArchiveReader::text(const std::string& name, std::string& value) {
  comm_.together([&] {
    const auto bytes = file_.read_all<std::uint8_t>(path_of(name), {h5::any});
    value.assign(bytes.begin(), bytes.end());
  });
}
void ArchiveReader::overlay(const std::string& name, OverlayStore& rows) {
  OverlayBlock block;
  block.counts =
      read_block<std::int32_t>(name + "/counts", all_clients_, order_.first(), order_.count(), 0);
  comm_.together([&] {
    for (const auto count : block.counts)
      if (count < 0 || count > all_items_)
        h5::Place{file_.path(), path_of(name + "/counts")}.refuse(
            cat("a client has ", count, " rows of ", all_items_, " items"));
  });
  const auto here = std::accumulate(block.counts.begin(), block.counts.end(), std::int64_t(0));
  const auto before = comm_.exscan(here), total = comm_.sum(here);
  block.items = read_block<std::int32_t>(name + "/items", total, before, here, 0);
  comm_.together([&] {
    check_items(block, order_.first(), all_items_, {file_.path(), path_of(name + "/items")});
  });
  block.rows = read_block<float>(name + "/rows", total, before, here, rows.width());
  fill(rows, order_, block);
}

}  // namespace fedfuse
