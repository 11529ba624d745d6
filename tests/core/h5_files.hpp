#pragma once
// Files as other programs write them, for the tests of what is refused.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/h5_handle.hpp"

namespace fedfuse::test {

// A folder that goes away.
class ScratchFolder {
 public:
  ScratchFolder() : path_((std::filesystem::temp_directory_path() / "fedfuse_h5_XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline h5::Handle new_file(const std::string& path) {
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create"};
}
inline h5::Handle space_of(const std::vector<hsize_t>& dims) {
  return {dims.empty() ? H5Screate(H5S_SCALAR)
                       : H5Screate_simple(int(dims.size()), dims.data(), nullptr),
          H5Sclose, "make a dataspace"};
}
inline h5::Handle creation_list() {
  return {H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make a list"};
}
// Not written.
inline h5::Handle new_dataset(const h5::Handle& file, const char* name, hid_t type,
                              const h5::Handle& space, hid_t list = H5P_DEFAULT) {
  return {H5Dcreate2(file.id(), name, type, space.id(), H5P_DEFAULT, list, H5P_DEFAULT), H5Dclose,
          "create a dataset"};
}
inline void write_dataset(const h5::Handle& file, const char* name, hid_t type,
                          const std::vector<hsize_t>& dims, const void* values,
                          hid_t list = H5P_DEFAULT) {
  const auto space = space_of(dims);
  const auto dataset = new_dataset(file, name, type, space, list);
  h5::ok(H5Dwrite(dataset.id(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), "write");
}
inline void write_attribute(const h5::Handle& file, const char* name, hid_t type,
                            const h5::Handle& space, const void* value) {
  const h5::Handle attribute(
      H5Acreate2(file.id(), name, type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose, "create");
  if (value != nullptr) h5::ok(H5Awrite(attribute.id(), type, value), "write");
}

// Work throws InputError, in three lines, that has all the parts.
inline void expect_refused(const std::function<void()>& work,
                           const std::vector<std::string>& parts) {
  try {
    work();
    ADD_FAILURE() << "accepted: " << parts.front();
  } catch (const InputError& e) {
    const std::string text = e.what();
    for (const auto& part : parts)
      EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
    EXPECT_NE(text.find("\n  do:  "), std::string::npos) << text;
  }
}

}  // namespace fedfuse::test
