#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <numeric>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/partition.hpp"
#include "data/read_dataset.hpp"
#include "data/write_dataset.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using test::Folder;
using Ints = std::vector<std::int32_t>;

// Client u trains on u % 3 + 1 of 9 items, from item u % 5 on; items 7 and 8 are held out.
DatasetParts small(std::int64_t clients, const Comm& comm) {
  DatasetParts parts;
  parts.name = "small";
  parts.created_by = "a test";
  parts.clients = clients;
  parts.items = 9;
  parts.text = Matrix<float>(9, 2);
  std::iota(parts.text.values.begin(), parts.text.values.end(), 0.5f);
  parts.has_text = {1, 1, 1, 0, 1, 1, 1, 1, 1};
  const BlockSplit split{clients, comm.size()};
  parts.first_client = split.first(comm.rank());
  for (auto u = parts.first_client; u < split.first(comm.rank() + 1); ++u) {
    for (std::int64_t k = 0; k <= u % 3; ++k) parts.train.push_back(std::int32_t(u % 5 + k));
    parts.offsets.push_back(std::int64_t(parts.train.size()));
    parts.valid.push_back(u % 4 == 0 ? -1 : 7);
    parts.test.push_back(8);
    parts.label.push_back(std::int32_t(u % 2));
  }
  return parts;
}

// Small, then spoilt and written by rank 0.
void expect_unreadable(const std::function<void(DatasetParts&)>& spoil,
                       std::initializer_list<std::string_view> parts) {
  const auto world = Comm::world();
  const Folder folder;
  world.on_root([&] {
    auto good = small(12, Comm::self());
    spoil(good);
    write_dataset(good, folder / "d.h5", false, Comm::self());
  });
  expect_input_error([&] { (void)read_dataset(folder / "d.h5", world); }, parts);
}

TEST(Dataset, ComesBackSplitOverTheRanks) {
  const auto world = Comm::world();
  const Folder folder;
  write_dataset(small(40, world), folder / "d.h5", false, world);
  EXPECT_EQ(folder.files(), 1);  // nothing beside it
  const auto d = read_dataset(folder / "d.h5", world);
  const auto all = small(40, Comm::self());
  EXPECT_EQ(d.name, "small");
  EXPECT_EQ(d.clients, 40);
  EXPECT_EQ(d.items, 9);
  EXPECT_EQ(d.train_interactions, std::int64_t(all.train.size()));
  EXPECT_EQ(d.text, all.text);
  EXPECT_EQ(d.has_text, all.has_text);
  EXPECT_EQ(d.image.cols, 0);
  EXPECT_EQ(d.has_image, std::vector<std::uint8_t>(9, 0));
  EXPECT_EQ(world.sum(d.local_clients()), 40);

  Ints popularity(9, 0);
  for (const auto i : all.train) ++popularity[std::size_t(i)];
  EXPECT_EQ(d.popularity, popularity);

  std::vector<std::int64_t> work(40);
  for (std::size_t u = 0; u < 40; ++u) work[u] = all.offsets[u + 1] - all.offsets[u];
  const auto rank_of = partition_clients(work, world.size());
  for (std::int64_t local = 0; local < d.local_clients(); ++local) {
    const auto u = std::size_t(d.client_ids[std::size_t(local)]);
    EXPECT_EQ(rank_of[u], world.rank());
    const auto items = d.positives(local);
    EXPECT_TRUE(std::equal(items.begin(), items.end(), all.train.begin() + all.offsets[u],
                           all.train.begin() + all.offsets[u + 1]))
        << "client " << u;
    EXPECT_EQ(d.valid[std::size_t(local)], all.valid[u]);
    EXPECT_EQ(d.test[std::size_t(local)], all.test[u]);
    EXPECT_EQ(d.label[std::size_t(local)], all.label[u]);
  }
  EXPECT_TRUE(std::is_sorted(d.client_ids.begin(), d.client_ids.end()));
  EXPECT_TRUE(std::is_sorted(d.heaviest_first.begin(), d.heaviest_first.end(), [&](auto a, auto b) {
    return d.positives(a).size() > d.positives(b).size();
  }));
}

TEST(Dataset, TakesMoreRanksThanClientsAndNoLabels) {
  const auto world = Comm::world();
  const Folder folder;
  auto parts = small(1, world);
  parts.label.clear();
  write_dataset(parts, folder / "d.h5", false, world);
  const auto d = read_dataset(folder / "d.h5", world);
  EXPECT_EQ(world.sum(d.local_clients()), 1);
  EXPECT_EQ(d.label, Ints(std::size_t(d.local_clients()), -1));
}

TEST(Dataset, RefusesOtherFiles) {
  const auto world = Comm::world();
  const Folder folder;
  const auto read = [&](const std::string& path) {
    return [path, &world] { (void)read_dataset(path, world); };
  };
  expect_input_error(read(folder / "absent.h5"), {"absent.h5", "no such file"});
  expect_input_error(read(folder / "."), {"folder"});
  expect_input_error(read(folder.write("text.h5", "userId,itemId\n")),
                     {"text.h5", "not an HDF5 file"});
  world.on_root([&] { h5::File::create(folder / "other.h5").close(); });
  expect_input_error(read(folder / "other.h5"), {"other.h5", "not a fedfuse data set"});
  world.on_root([&] {
    auto file = h5::File::create(folder / "version.h5");
    file.set("/", "format", std::string(dataset_format));
    file.set("/", "schema_version", std::int64_t(99));
    file.close();
  });
  expect_input_error(read(folder / "version.h5"), {"version 99", "version 1"});
}

TEST(Dataset, RefusesTruncatedFiles) {
  const auto world = Comm::world();
  const Folder folder;
  write_dataset(small(400, world), folder / "d.h5", false, world);
  const auto size = std::filesystem::file_size(folder / "d.h5");
  for (const auto share : {0.02, 0.5, 0.98}) {
    world.barrier();
    world.on_root([&] {
      std::filesystem::copy_file(folder / "d.h5", folder / "cut.h5",
                                 std::filesystem::copy_options::overwrite_existing);
      std::filesystem::resize_file(folder / "cut.h5", std::uintmax_t(double(size) * share));
    });
    expect_input_error([&] { (void)read_dataset(folder / "cut.h5", world); },
                       {"cut.h5", "truncated"});
  }
}

TEST(Dataset, RefusesInconsistentContent) {
  expect_unreadable([](DatasetParts& d) { d.train[5] = 9; }, {"names item 9 of 9"});
  expect_unreadable([](DatasetParts& d) { d.train[5] = -1; }, {"names item -1"});
  expect_unreadable([](DatasetParts& d) { std::swap(d.train[1], d.train[2]); }, {"not ascending"});
  expect_unreadable([](DatasetParts& d) { d.offsets[2] = d.offsets[1]; },
                    {"client 1 has no training interactions"});
  expect_unreadable([](DatasetParts& d) { d.test[3] = 9; }, {"held-out items of client 3"});
  expect_unreadable([](DatasetParts& d) { d.valid[3] = d.test[3]; },
                    {"held-out items of client 3"});
  expect_unreadable([](DatasetParts& d) { d.test[0] = d.train[0]; },
                    {"client 0 trains on its held-out item"});
  expect_unreadable([](DatasetParts& d) { d.text(3, 1) = NAN; },
                    {"/items/text", "not finite", "item 3"});
  expect_unreadable([](DatasetParts& d) { d.has_text.pop_back(); },
                    {"/items/has_text must have 9 values"});
  expect_unreadable([](DatasetParts& d) { d.clients = 13; }, {"span"});
}

TEST(Dataset, IsNotWrittenOverAnotherUnasked) {
  const auto world = Comm::world();
  const Folder folder;
  const auto path = folder.write("d.h5", "precious");
  expect_input_error([&] { write_dataset(small(6, world), path, false, world); },
                     {"d.h5", "exists already", "--overwrite"});
  EXPECT_EQ(std::filesystem::file_size(path), 8u);
  EXPECT_EQ(folder.files(), 1);
  write_dataset(small(6, world), path, true, world);
  EXPECT_EQ(read_dataset(path, world).clients, 6);
}

TEST(Dataset, NamesPlacesWhereNothingCanBeWritten) {
  const auto world = Comm::world();
  const Folder folder;
  expect_input_error([&] { write_dataset(small(6, world), folder / "no/such/d.h5", false, world); },
                     {"d.h5", "no folder", "mkdir"});
  expect_input_error([&] { write_dataset(small(6, world), folder / "", true, world); }, {"folder"});
  expect_input_error([&] { write_dataset(small(6, world), "/proc/d.h5", false, world); },
                     {"/proc/d.h5"});
  EXPECT_EQ(folder.files(), 0);
}

// A limit on file sizes ends writes as a full disk does: some bytes arrive, then an error.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(Dataset, LeavesNothingOnAFullDisk) {
  const auto world = Comm::world();
  const Folder folder;
  for (const rlim_t bytes : {0, 3000, 40'000}) {
    const FullDisk disk(bytes);
    expect_input_error([&] { write_dataset(small(20'000, world), folder / "d.h5", false, world); },
                       {"cannot write", "d.h5"});
  }
  EXPECT_EQ(folder.files(), 0);
  write_dataset(small(20, world), folder / "d.h5", false, world);  // and the program goes on
  EXPECT_EQ(read_dataset(folder / "d.h5", world).clients, 20);
}

}  // namespace
}  // namespace fedfuse
