// The model of a result is read as input: what other programs or damage made of it is refused.
#include "results/model_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "core/text.hpp"
#include "results/reader.hpp"
#include "results/writer.hpp"
#include "tests/results/synthetic.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

// A result with every array that a model can have, and copies of it that were changed.
class Changed {
 public:
  Changed(const std::string& backbone, const std::string& fusion, const Comm& comm)
      : comm_(comm),
        folder_(comm),
        data_(test::synthetic_data(comm, test::Deal::round_robin)),
        run_(test::synthetic_run(backbone, fusion, backbone == "fedrap" ? 0.01 : 0, data_, comm)) {
    write_result(whole(), run_.record, run_.spec, run_.global, run_.state, data_, comm);
  }

  void expect_whole() const {
    EXPECT_EQ(read_result(whole(), data_, comm_).model.state, run_.state);
    comm_.on_root([&] {
      const auto file = h5::File::open(whole());
      ModelFile(file, run_.record.config, test::clients, test::items).check();
    });
  }
  // evaluate and info refuse it, and name the array
  void expect_refused(const std::string& name, const std::function<void(hid_t)>& change,
                      const std::string& because) const {
    SCOPED_TRACE(name);
    const auto path = changed(change);
    const auto read = error_of([&] { (void)read_result(path, data_, comm_); });
    EXPECT_TRUE(says(read, name) && says(read, because)) << read;
    if (!comm_.root()) return;
    const auto summary = error_of([&] { (void)why_unfit(path, read_summary(path)); });
    EXPECT_TRUE(says(summary, name) && says(summary, because)) << summary;
  }
  // evaluate refuses it, info and table say that it is invalid
  void expect_invalid(const std::string& name) const {
    SCOPED_TRACE(name);
    const auto path = changed([&](hid_t file) { spoil(file, name); });
    const auto read = error_of([&] { (void)read_result(path, data_, comm_); });
    EXPECT_TRUE(says(read, name) && says(read, "not finite")) << read;
    if (!comm_.root()) return;
    const auto why = why_unfit(path, read_summary(path));
    EXPECT_TRUE(says(why, name) && says(why, "not finite")) << why;
  }

 private:
  static bool says(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  static std::string error_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const InputError& e) {
      return e.what();
    }
    return "no InputError";
  }
  static void spoil(hid_t file, const std::string& name) {
    const h5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "open");
    const h5::Handle space(H5Dget_space(dataset.id()), H5Sclose, "get");
    std::vector<float> values(std::size_t(H5Sget_simple_extent_npoints(space.id())));
    H5Dread(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values.back() = std::numeric_limits<float>::infinity();
    H5Dwrite(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  [[nodiscard]] std::string whole() const { return folder_.file("whole.h5"); }
  [[nodiscard]] std::string changed(const std::function<void(hid_t)>& change) const {
    const auto path = folder_.file("changed.h5");
    comm_.barrier();
    comm_.on_root([&] {
      fs::copy_file(whole(), path, fs::copy_options::overwrite_existing);
      const h5::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "open");
      change(file.id());
    });
    return path;
  }

  const Comm& comm_;
  test::TemporaryFolder folder_;
  Dataset data_;
  test::Run run_;
};

// Sets one number of a dataset of whole numbers.
template <class T>
std::function<void(hid_t)> with(const std::string& name, std::size_t at, T value) {
  return [=](hid_t file) {
    const h5::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "open");
    const h5::Handle space(H5Dget_space(dataset.id()), H5Sclose, "get");
    std::vector<T> values(std::size_t(H5Sget_simple_extent_npoints(space.id())));
    H5Dread(dataset.id(), h5::type_of<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values.at(at) = value;
    H5Dwrite(dataset.id(), h5::type_of<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  };
}
std::function<void(hid_t)> without(const std::string& name) {
  return [=](hid_t file) { H5Ldelete(file, name.c_str(), H5P_DEFAULT); };
}
// Another shape: a dataset of one value.
std::function<void(hid_t)> cut(const std::string& name, hid_t type) {
  return [=](hid_t file) {
    H5Ldelete(file, name.c_str(), H5P_DEFAULT);
    const hsize_t one = 1;
    const std::int64_t value = 0;
    const h5::Handle space(H5Screate_simple(1, &one, nullptr), H5Sclose, "make");
    const h5::Handle dataset(
        H5Dcreate2(file, name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose, "create");
    H5Dwrite(dataset.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value);
  };
}

TEST(ModelFile, names_the_array_that_is_missing_or_of_another_shape) {
  const auto comm = Comm::world();
  const Changed rows("fedrap", "gfmfr", comm);
  rows.expect_whole();
  for (const char* name : {"/model/item_table", "/model/theta", "/model/overlay_offsets",
                           "/model/overlay_items", "/model/overlay_rows", "/model/overlay_base",
                           "/model/overlay_base_scale", "/model/client_group"})
    rows.expect_refused(name, without(name), "no such dataset");
  rows.expect_refused("/model/overlay_rows", cut("/model/overlay_rows", H5T_NATIVE_FLOAT), "not");
  rows.expect_refused("/model/theta", cut("/model/theta", H5T_NATIVE_FLOAT), "not");
  rows.expect_refused("/model/client_group", cut("/model/client_group", H5T_NATIVE_INT32), "not");
  const Changed heads("fedncf", "fedvlr", comm);
  heads.expect_whole();
  for (const char* name : {"/model/client_user", "/model/client_router", "/model/view_gate"})
    heads.expect_refused(name, without(name), "no such dataset");
  const Changed prior("fcf", "mlp+group-prior", comm);
  prior.expect_whole();
  for (const char* name : {"/model/prior", "/model/client_shares"}) {
    prior.expect_refused(name, without(name), "no such dataset");
    prior.expect_refused(name, cut(name, H5T_NATIVE_FLOAT), "not");
  }
}

TEST(ModelFile, refuses_items_rows_and_groups_that_do_not_exist) {
  const auto comm = Comm::world();
  const Changed result("fedrap", "gfmfr", comm);
  const char *offsets = "/model/overlay_offsets", *items = "/model/overlay_items",
             *group = "/model/client_group";
  // client 2 has the rows 1 and 2, of the items 0 and 2
  result.expect_refused(items, with<std::int32_t>(items, 0, test::items), "has item 60");
  result.expect_refused(items, with<std::int32_t>(items, 0, -1), "has item -1");
  result.expect_refused(items, with<std::int32_t>(items, 2, 0), "ascending");
  result.expect_refused(offsets, with<std::int64_t>(offsets, 0, 1), "");
  result.expect_refused(offsets, with<std::int64_t>(offsets, 3, std::int64_t(1) << 40), "rows");
  result.expect_refused(offsets, with<std::int64_t>(offsets, 3, 0), "rows");
  result.expect_refused(offsets, with<std::int64_t>(offsets, test::clients, 3), "rows");
  result.expect_refused(group, with<std::int32_t>(group, 5, 1000), "group 1000");
  result.expect_refused(group, with<std::int32_t>(group, 36, -2), "group -2");
}

TEST(ModelFile, marks_numbers_that_are_not_finite) {
  const auto comm = Comm::world();
  const Changed rows("fedrap", "gfmfr", comm);
  for (const char* name :
       {"/model/item_table", "/model/theta", "/model/overlay_rows", "/model/overlay_base",
        "/model/overlay_base_scale", "/groups/preferences", "/groups/embeddings"})
    rows.expect_invalid(name);
  const Changed heads("fedncf", "fedvlr", comm);
  for (const char* name : {"/model/client_user", "/model/client_router", "/model/view_gate"})
    heads.expect_invalid(name);
  const Changed prior("fcf", "mlp+group-prior", comm);
  for (const char* name : {"/model/prior", "/model/client_shares"}) prior.expect_invalid(name);
}

TEST(ResultReader, refuses_small_parts_that_do_not_fit) {
  const auto comm = Comm::world();
  const Changed result("fcf", "none", comm);
  result.expect_refused("/metrics/valid_ndcg_50", cut("/metrics/valid_ndcg_50", H5T_NATIVE_DOUBLE),
                        "it has 1 rows");
  result.expect_refused("/facts/training_seconds", cut("/facts/training_seconds", H5T_NATIVE_INT64),
                        "floating-point");
  const auto attribute = [](const char* name, std::int64_t value) {
    return [=](hid_t file) {
      const h5::Handle one(H5Aopen(file, name, H5P_DEFAULT), H5Aclose, "open");
      H5Awrite(one.id(), H5T_NATIVE_INT64, &value);
    };
  };
  result.expect_refused("best_round", attribute("best_round", 5), "from 0 to 4");
  result.expect_refused("model_round", attribute("model_round", -1), "from 0 to 4");
  const auto text = [](const char* name, const std::string& value) {
    return [=](hid_t file) {
      H5Adelete(file, name);
      const h5::Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy");
      H5Tset_size(type.id(), value.size());
      const h5::Handle space(H5Screate(H5S_SCALAR), H5Sclose, "make");
      const h5::Handle one(H5Acreate2(file, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose, "create");
      H5Awrite(one.id(), type.id(), value.data());
    };
  };
  result.expect_refused("notes", text("notes", "{\"device\": [1]}"), "no text");
  result.expect_refused("notes", text("notes", std::string(30000, '[')), "deeper than 64");
  result.expect_refused("notes", text("notes", "[]"), "not a JSON object");
  result.expect_refused("configuration", text("config", "{\"dim\": \"wide\"}"), "whole number");
  result.expect_refused("--dim", text("config", "{\"dim\": 1000000}"), "latent width");
}

}  // namespace
}  // namespace fedfuse
