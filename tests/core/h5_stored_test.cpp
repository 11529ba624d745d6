// What a file declares is judged before it is read: class, rank, bounds, storage, links.
#include "core/h5_stored.hpp"

#include <algorithm>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/core/h5_files.hpp"

namespace fedfuse {
namespace {

using test::expect_refused;

const std::vector<std::int64_t> six{1, 2, 3, 4, 5, 6};
const std::vector<double> six_reals{1, 2, 3, 4, 5, 6};

// A file with whatever `fill` puts into it, opened.
class Hostile {
 public:
  explicit Hostile(const std::function<void(const h5::Handle&)>& fill) : path_(folder_ / "x.h5") {
    fill(test::new_file(path_));
  }
  [[nodiscard]] h5::File open() const { return h5::File::open(path_); }
  void expect_values_refused(const std::vector<std::string>& parts) const {
    const auto file = open();
    auto all = parts;
    all.insert(all.end(), {"cannot read /x in ", path_});
    expect_refused([&] { (void)file.read_all<double>("/x"); }, all);
  }
  [[nodiscard]] std::string beside(const std::string& name) const { return folder_ / name; }

 private:
  test::ScratchFolder folder_;
  std::string path_;
};

TEST(H5Attributes, are_one_value_of_the_class_that_is_read) {
  const Hostile hostile([](const h5::Handle& file) {
    const auto one = test::space_of({});
    test::write_attribute(file, "list", H5T_NATIVE_INT64, test::space_of({6}), six.data());
    test::write_attribute(file, "table", H5T_NATIVE_DOUBLE, test::space_of({2, 3}),
                          six_reals.data());
    test::write_attribute(file, "single", H5T_NATIVE_INT64, test::space_of({1}), six.data());
    test::write_attribute(file, "real", H5T_NATIVE_DOUBLE, one, six_reals.data());
    const std::uint64_t large = ~std::uint64_t(0);
    test::write_attribute(file, "large", H5T_NATIVE_UINT64, one, &large);
    const h5::Handle none(H5Screate(H5S_NULL), H5Sclose, "make");
    test::write_attribute(file, "none", H5T_NATIVE_INT64, none, nullptr);
    const h5::Handle variable(H5Tcopy(H5T_C_S1), H5Tclose, "copy");
    H5Tset_size(variable.id(), H5T_VARIABLE);
    const char* text = "text";
    test::write_attribute(file, "variable", variable.id(), one, static_cast<const void*>(&text));
    const h5::Handle fixed(H5Tcopy(H5T_C_S1), H5Tclose, "copy");
    H5Tset_size(fixed.id(), 3);
    test::write_attribute(file, "texts", fixed.id(), test::space_of({2}), "onetwo");
    test::write_attribute(file, "text", fixed.id(), one, "one");
  });
  const auto file = hostile.open();
  const auto refused = [&](const char* name, const std::string& because, auto read) {
    expect_refused(read, {cat("attribute ", name, " of /"), because});
  };
  for (const char* name : {"list", "table", "none"})
    refused(name, name[0] == 't' ? "floating-point" : "values, and one is wanted",
            [&] { (void)file.integer("/", name); });
  refused("table", "6 values", [&] { (void)file.number("/", "table"); });
  refused("real", "not whole numbers", [&] { (void)file.integer("/", "real"); });
  refused("single", "not floating-point numbers", [&] { (void)file.number("/", "single"); });
  refused("large", "outside the range", [&] { (void)file.integer("/", "large"); });
  refused("variable", "variable length", [&] { (void)file.text("/", "variable"); });
  refused("texts", "2 values", [&] { (void)file.text("/", "texts"); });
  refused("single", "not texts", [&] { (void)file.text("/", "single"); });
  EXPECT_EQ(file.integer("/", "single"), 1);
  EXPECT_EQ(file.text("/", "text"), "one");
}

TEST(H5Datasets, have_the_rank_that_is_read) {
  for (const std::size_t rank : {3u, 9u, 32u}) {
    const Hostile hostile([&](const h5::Handle& file) {
      std::vector<hsize_t> dims(rank, 1);
      dims[0] = 6;
      test::write_dataset(file, "x", H5T_NATIVE_DOUBLE, dims, six_reals.data());
    });
    hostile.expect_values_refused({cat(rank, " dimensions")});
    EXPECT_EQ(hostile.open().shape("/x").size(), rank);
  }
  const Hostile table([](const h5::Handle& file) {
    test::write_dataset(file, "x", H5T_NATIVE_DOUBLE, {2, 3}, six_reals.data());
    test::write_dataset(file, "scalar", H5T_NATIVE_DOUBLE, {}, six_reals.data());
  });
  const auto file = table.open();
  expect_refused([&] { (void)file.read_all<double>("/x", {h5::any}); }, {"2 x 3, not any values"});
  expect_refused([&] { (void)file.read_matrix<double>("/x", {2, 4}); }, {"2 x 3, not 2 x 4"});
  expect_refused([&] { (void)file.read_matrix<double>("/scalar"); }, {"a scalar"});
  expect_refused([&] { (void)file.read_rows<double>("/x", 1, 2); }, {"2 rows"});
  expect_refused([&] { (void)file.read_rows<double>("/x", -1, 1); }, {"2 rows"});
  expect_refused([&] { (void)file.read_all<double>("/absent"); }, {"no such dataset"});
  EXPECT_EQ(file.read_rows<double>("/x", 1, 1)[2], 6);
  EXPECT_EQ(file.read_all<double>("/scalar").size(), 1u);
}

TEST(H5Datasets, have_the_class_that_is_read) {
  const Hostile hostile([](const h5::Handle& file) {
    test::write_dataset(file, "whole", H5T_NATIVE_INT64, {6}, six.data());
    test::write_dataset(file, "real", H5T_NATIVE_DOUBLE, {6}, six_reals.data());
    const h5::Handle pair(H5Tcreate(H5T_COMPOUND, 16), H5Tclose, "make");
    H5Tinsert(pair.id(), "a", 0, H5T_NATIVE_INT64);
    H5Tinsert(pair.id(), "b", 8, H5T_NATIVE_INT64);
    test::write_dataset(file, "pair", pair.id(), {3}, six.data());
    const h5::Handle words(H5Tenum_create(H5T_NATIVE_INT64), H5Tclose, "make");
    H5Tenum_insert(words.id(), "one", &six[0]);
    test::write_dataset(file, "enum", words.id(), {1}, six.data());
    const h5::Handle odd(H5Tcopy(H5T_NATIVE_INT64), H5Tclose, "copy");
    H5Tset_precision(odd.id(), 33);
    test::write_dataset(file, "odd", odd.id(), {6}, six.data());
  });
  const auto file = hostile.open();
  expect_refused([&] { (void)file.read_all<double>("/whole"); }, {"not floating-point numbers"});
  expect_refused([&] { (void)file.read_all<std::int64_t>("/real"); }, {"not whole numbers"});
  expect_refused([&] { (void)file.read_all<std::int64_t>("/pair"); }, {"records"});
  expect_refused([&] { (void)file.read_all<std::int64_t>("/enum"); }, {"an enumeration"});
  expect_refused([&] { (void)file.read_all<std::int64_t>("/odd"); }, {"not the usual one"});
  expect_refused([&] { (void)file.read_strings("/whole"); }, {"not texts"});
  expect_refused([&] { (void)file.read_bytes("/pair", 0, 1); }, {"records"});
}

TEST(H5Datasets, have_values_in_the_range_that_is_read) {
  const Hostile hostile([](const h5::Handle& file) {
    const std::vector<std::int64_t> large{1, std::int64_t(1) << 40};
    const std::vector<std::int64_t> negative{1, -1};
    const std::vector<double> reals{1, 1e300};
    test::write_dataset(file, "large", H5T_NATIVE_INT64, {2}, large.data());
    test::write_dataset(file, "negative", H5T_NATIVE_INT64, {2}, negative.data());
    test::write_dataset(file, "reals", H5T_NATIVE_DOUBLE, {2}, reals.data());
  });
  const auto file = hostile.open();
  expect_refused([&] { (void)file.read_all<std::int32_t>("/large"); }, {"range of int32"});
  expect_refused([&] { (void)file.read_all<std::uint8_t>("/negative"); }, {"range of uint8"});
  expect_refused([&] { (void)file.read_all<float>("/reals"); }, {"range of float32"});
  EXPECT_EQ(file.read_rows<std::int32_t>("/large", 0, 1)[0], 1);
  EXPECT_EQ(file.read_all<std::int32_t>("/negative")[1], -1);
}

TEST(H5Datasets, are_written_whole) {
  const hsize_t huge = hsize_t(1) << 40;
  Hostile([&](const h5::Handle& file) {
    (void)test::new_dataset(file, "x", H5T_NATIVE_DOUBLE, test::space_of({huge, 3}));
  }).expect_values_refused({"none was ever written"});
  Hostile([&](const h5::Handle& file) {
    (void)test::new_dataset(file, "x", H5T_NATIVE_DOUBLE, test::space_of({huge, huge, huge}));
  }).expect_values_refused({"more than any file holds"});
  const auto one_chunk_of = [](hsize_t values, bool compressed) {
    return [=](const h5::Handle& file) {
      const hsize_t chunk = 6;
      const auto list = test::creation_list();
      H5Pset_chunk(list.id(), 1, &chunk);
      if (compressed) H5Pset_deflate(list.id(), 9);
      const auto space = test::space_of({values});
      const auto dataset = test::new_dataset(file, "x", H5T_NATIVE_DOUBLE, space, list.id());
      const hsize_t start = 0;
      const auto block = test::space_of({6});
      H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, &start, nullptr, &chunk, nullptr);
      H5Dwrite(dataset.id(), H5T_NATIVE_DOUBLE, block.id(), space.id(), H5P_DEFAULT,
               six_reals.data());
    };
  };
  Hostile(one_chunk_of(huge, false)).expect_values_refused({"declares"});
  Hostile(one_chunk_of(huge, true)).expect_values_refused({"declares"});
  Hostile(one_chunk_of(24, true)).expect_values_refused({"3 of its 4 chunks were never written"});
  for (const bool compressed : {false, true}) {
    const Hostile whole(one_chunk_of(6, compressed));
    EXPECT_EQ(whole.open().read_all<double>("/x")[5], 6);
  }
}

TEST(H5Datasets, have_filters_that_this_hdf5_has) {
  constexpr H5Z_filter_t of_another_program = 32015;
  Hostile([](const h5::Handle& file) {
    const hsize_t chunk = 6;
    const auto list = test::creation_list();
    H5Pset_chunk(list.id(), 1, &chunk);
    H5Pset_filter(list.id(), of_another_program, H5Z_FLAG_OPTIONAL, 0, nullptr);
    test::write_dataset(file, "x", H5T_NATIVE_DOUBLE, {6}, six_reals.data(), list.id());
  }).expect_values_refused({"filter 32015", "not available"});
}

TEST(H5Datasets, stand_in_this_file) {
  test::ScratchFolder other;
  {
    const auto file = test::new_file(other / "other.h5");
    test::write_dataset(file, "y", H5T_NATIVE_DOUBLE, {6}, six_reals.data());
  }
  const auto there = other / "other.h5";
  Hostile([&](const h5::Handle& file) {
    const auto list = test::creation_list();
    H5Pset_external(list.id(), (other / "raw").c_str(), 0, 48);
    (void)test::new_dataset(file, "x", H5T_NATIVE_DOUBLE, test::space_of({6}), list.id());
  }).expect_values_refused({"external storage", "one file"});
  Hostile([&](const h5::Handle& file) {
    const auto list = test::creation_list();
    const auto space = test::space_of({6});
    H5Pset_virtual(list.id(), space.id(), there.c_str(), "y", space.id());
    (void)test::new_dataset(file, "x", H5T_NATIVE_DOUBLE, space, list.id());
  }).expect_values_refused({"virtual", "one file"});
  Hostile([&](const h5::Handle& file) {
    H5Lcreate_external(there.c_str(), "y", file.id(), "x", H5P_DEFAULT, H5P_DEFAULT);
  }).expect_values_refused({"a link into another file"});
  const Hostile links([](const h5::Handle& file) {
    test::write_dataset(file, "real", H5T_NATIVE_DOUBLE, {6}, six_reals.data());
    H5Lcreate_soft("/real", file.id(), "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/absent", file.id(), "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file.id(), "real", file.id(), "hard", H5P_DEFAULT, H5P_DEFAULT);
    const h5::Handle group(H5Gcreate2(file.id(), "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                           H5Gclose, "create");
    H5Lcreate_soft("/", group.id(), "up", H5P_DEFAULT, H5P_DEFAULT);
  });
  links.expect_values_refused({"/x is a soft link"});
  const auto file = links.open();
  expect_refused([&] { (void)file.has("/dangling"); }, {"a soft link"});
  expect_refused([&] { (void)file.read_all<double>("/g/up/real"); }, {"/g/up is a soft link"});
  expect_refused([&] { (void)file.read_all<double>("/g"); }, {"no dataset"});
  EXPECT_EQ(file.read_all<double>("/hard")[5], 6);
}

TEST(H5Groups, list_names_of_any_length) {
  const std::string name(1000, 'n');
  const Hostile hostile([&](const h5::Handle& file) {
    test::write_dataset(file, name.c_str(), H5T_NATIVE_DOUBLE, {6}, six_reals.data());
  });
  const auto file = hostile.open();
  EXPECT_EQ(file.children("/"), std::vector<std::string>{name});
  expect_refused([&] { (void)file.children("/" + name); }, {"no group"});
  expect_refused([&] { (void)file.children("/absent"); }, {"no such group"});
}

}  // namespace
}  // namespace fedfuse
